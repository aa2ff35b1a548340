//! `acquit doctor`: whether the database keeps what it promises to keep.

use std::process::ExitCode;

use super::output::{Kind, Listing};
use super::{Failure, Globals, Outcome};
use crate::store::health::{self, Health};

/// Check that the database keeps what it promises to keep: durability, encoding, schema, rights.
///
/// Changes nothing, and says of every fault what to do about it.
///
/// Exit code: 0 all is well, 2 warnings, 1 a problem.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Fine,
    Warning,
    Problem,
}

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    check: &'static str,
    found: String,
    verdict: Verdict,
    advice: String,
}

impl Finding {
    fn fine(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, found, Verdict::Fine, "")
    }

    fn new(check: &'static str, found: impl Into<String>, verdict: Verdict, advice: impl Into<String>) -> Self {
        Self {
            check,
            found: found.into(),
            verdict,
            advice: advice.into(),
        }
    }
}

/// Runs the command.
pub async fn run(_: Args, globals: &Globals) -> Outcome {
    let target = globals.target().await?;
    let health = health::examine(&target).await.map_err(Failure::connect)?;
    let place = target.place().map_err(Failure::connect)?;
    let mut findings = vec![Finding::fine(
        "connection",
        target.protection().map_err(Failure::connect)?,
    )];
    findings.extend(diagnose(&health, target.cluster().is_some()));
    let worst = findings
        .iter()
        .map(|finding| finding.verdict)
        .max()
        .unwrap_or(Verdict::Fine);
    listing(format!("PostgreSQL at {place}"), findings).print(globals.format)?;
    Ok(match worst {
        Verdict::Fine => ExitCode::SUCCESS,
        Verdict::Warning => ExitCode::from(2),
        Verdict::Problem => ExitCode::FAILURE,
    })
}

fn listing(title: String, findings: Vec<Finding>) -> Listing {
    let mut listing = Listing::new(
        title,
        &[
            ("check", Kind::Text),
            ("found", Kind::Text),
            ("verdict", Kind::Text),
            ("what_to_do", Kind::Text),
        ],
    );
    for finding in findings {
        let verdict = match finding.verdict {
            Verdict::Fine => "fine",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
        };
        listing.row(vec![
            finding.check.to_owned(),
            finding.found,
            verdict.to_owned(),
            finding.advice,
        ]);
    }
    listing
}

/// What the values mean; pure.
fn diagnose(health: &Health, private: bool) -> Vec<Finding> {
    vec![
        // Older servers do not get this far: connecting refuses them.
        Finding::fine("server version", &health.server_version),
        switch(
            "fsync",
            &health.fsync,
            Verdict::Problem,
            "set fsync = on in postgresql.conf and reload: without it a power cut destroys the books",
        ),
        switch(
            "full_page_writes",
            &health.full_page_writes,
            Verdict::Problem,
            "set full_page_writes = on in postgresql.conf and reload: without it a power cut can leave torn pages",
        ),
        synchronous_commit(&health.synchronous_commit),
        switch(
            "data checksums",
            &health.data_checksums,
            Verdict::Warning,
            "stop the server and run `pg_checksums --enable`: without them a disk that changes data is not noticed",
        ),
        encoding(&health.server_encoding),
        primary(health.is_replica),
        schema(health.schema, health.known_schema, private),
        role(health, private),
        Finding::fine("time zone", format!("{}, sessions use UTC", health.time_zone)),
    ]
}

fn switch(check: &'static str, value: &str, verdict: Verdict, advice: &str) -> Finding {
    if value == "on" {
        Finding::fine(check, value)
    } else {
        Finding::new(check, value, verdict, advice)
    }
}

fn synchronous_commit(value: &str) -> Finding {
    // All others wait at least for the local disk.
    if value == "off" {
        Finding::new(
            "synchronous_commit",
            value,
            Verdict::Problem,
            "set synchronous_commit = on (server, database and role): without it a crash loses what was acknowledged",
        )
    } else {
        Finding::fine("synchronous_commit", value)
    }
}

fn encoding(value: &str) -> Finding {
    if value == "UTF8" {
        Finding::fine("encoding", value)
    } else {
        Finding::new(
            "encoding",
            value,
            Verdict::Problem,
            "create the database again with: create database ... encoding 'UTF8' template template0",
        )
    }
}

fn primary(is_replica: bool) -> Finding {
    if is_replica {
        Finding::new(
            "server role",
            "replica",
            Verdict::Problem,
            "point DATABASE_URL at the primary: money is never decided by a copy that may be late",
        )
    } else {
        Finding::fine("server role", "primary")
    }
}

fn schema(found: Option<i32>, known: i32, private: bool) -> Finding {
    match found {
        Some(found) if found == known => Finding::fine("schema version", found.to_string()),
        Some(found) if found > known => Finding::new(
            "schema version",
            format!("{found}, this acquit knows {known}"),
            Verdict::Problem,
            "install the newest acquit",
        ),
        Some(found) => Finding::new(
            "schema version",
            format!("{found}, this acquit needs {known}"),
            Verdict::Warning,
            "the next command brings it up to date, if the login owns the schema",
        ),
        None if private => Finding::fine("schema version", "no schema yet, the next command creates it"),
        None => Finding::new(
            "schema version",
            "no schema yet",
            Verdict::Warning,
            "the next command creates it, if the login owns the database",
        ),
    }
}

fn role(health: &Health, private: bool) -> Finding {
    let login = &health.login;
    let advice = format!(
        "give acquit a login of its own that is only a member of acquit_runtime; keep {login} for upgrades of the schema"
    );
    if private {
        Finding::fine("role", format!("{login}, sessions act as acquit_runtime"))
    } else if health.is_auditor && !health.is_runtime {
        Finding::fine("role", format!("{login}, only reads, as acquit_auditor"))
    } else if health.schema.is_some() && !health.is_runtime {
        let advice = format!("as the schema's owner: grant acquit_runtime to \"{login}\"");
        Finding::new(
            "role",
            format!("{login} cannot act as acquit_runtime"),
            Verdict::Problem,
            advice,
        )
    } else if health.is_superuser {
        Finding::new("role", format!("{login} is superuser"), Verdict::Warning, advice)
    } else if health.is_owner {
        Finding::new("role", format!("{login} owns the tables"), Verdict::Warning, advice)
    } else {
        Finding::fine("role", login)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy() -> Health {
        Health {
            server_version: "16.4".to_owned(),
            fsync: "on".to_owned(),
            full_page_writes: "on".to_owned(),
            synchronous_commit: "on".to_owned(),
            server_encoding: "UTF8".to_owned(),
            data_checksums: "on".to_owned(),
            time_zone: "UTC".to_owned(),
            is_replica: false,
            login: "billing".to_owned(),
            is_superuser: false,
            is_owner: false,
            is_runtime: true,
            is_auditor: false,
            schema: Some(1),
            known_schema: 1,
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Health), expected: &[(&str, Verdict)]) {
        let mut health = healthy();
        change(&mut health);
        let found: Vec<(&str, Verdict)> = diagnose(&health, false)
            .iter()
            .filter(|finding| finding.verdict != Verdict::Fine)
            .map(|finding| (finding.check, finding.verdict))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_fault_is_one_finding() {
        use Verdict::{Problem, Warning};
        check(|_| {}, &[]);
        check(|health| health.fsync = "off".to_owned(), &[("fsync", Problem)]);
        check(
            |health| health.full_page_writes = "off".to_owned(),
            &[("full_page_writes", Problem)],
        );
        check(
            |health| health.synchronous_commit = "off".to_owned(),
            &[("synchronous_commit", Problem)],
        );
        check(|health| health.synchronous_commit = "remote_apply".to_owned(), &[]);
        check(
            |health| health.data_checksums = "off".to_owned(),
            &[("data checksums", Warning)],
        );
        check(
            |health| health.server_encoding = "SQL_ASCII".to_owned(),
            &[("encoding", Problem)],
        );
        check(|health| health.is_replica = true, &[("server role", Problem)]);
        check(|health| health.schema = Some(2), &[("schema version", Problem)]);
        check(|health| health.schema = Some(0), &[("schema version", Warning)]);
        check(|health| health.schema = None, &[("schema version", Warning)]);
        check(|health| health.is_superuser = true, &[("role", Warning)]);
        check(|health| health.is_owner = true, &[("role", Warning)]);
        check(|health| health.is_runtime = false, &[("role", Problem)]);
        check(
            |health| {
                health.is_runtime = false;
                health.is_auditor = true;
            },
            &[],
        );
        check(|health| health.time_zone = "Europe/Vienna".to_owned(), &[]);
    }

    #[test]
    fn every_finding_says_what_to_do() {
        let mut health = healthy();
        health.fsync = "off".to_owned();
        health.schema = None;
        health.is_superuser = true;
        for finding in diagnose(&health, false) {
            assert_eq!(
                finding.verdict == Verdict::Fine,
                finding.advice.is_empty(),
                "{}",
                finding.check
            );
        }
    }
}
