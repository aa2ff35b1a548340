//! Finding PostgreSQL server binaries on the machine.
//!
//! Looked for in this order: PATH, the distributions' versioned directories (newest first), Homebrew and its like,
//! `pg_config --bindir`. A directory counts when it holds `initdb`, `pg_ctl` and `postgres`, and when `postgres --version`,
//! run as the account that will run the server, answers with a version we support: a wrapper or a directory closed to that
//! account does not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{EmbeddedError, account::Account};

/// The oldest major version we run on.
pub const OLDEST: u32 = 15;

/// A directory of server binaries that were proven to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Where `initdb`, `pg_ctl` and `postgres` are.
    pub directory: PathBuf,
    /// The major version, like 15.
    pub major: u32,
}

impl Binaries {
    /// The path of one program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The first usable binaries; of the wanted major version where a data directory asks for one.
pub fn find(account: &Account, wanted: Option<u32>) -> Result<Option<Binaries>, EmbeddedError> {
    let mut seen = BTreeSet::new();
    let mut tried = Vec::new();
    let mut usable = Vec::new();
    for directory in candidates() {
        // PATH often holds links to the real directory, and the programs look for each other beside themselves.
        let directory = match directory.join("postgres").canonicalize() {
            Ok(real) => match real.parent() {
                Some(parent) if is_complete(parent) => parent.to_owned(),
                _ if is_complete(&directory) => directory,
                _ => continue,
            },
            Err(_) => continue,
        };
        if !seen.insert(directory.clone()) {
            continue;
        }
        match major_version(&directory, account) {
            Some(major) if major >= OLDEST => {
                let found = Binaries { directory, major };
                if wanted.is_none_or(|wanted| wanted == major) {
                    return Ok(Some(found));
                }
                usable.push(found);
            }
            Some(major) => tried.push(format!("{} is version {major}", directory.display())),
            None => tried.push(format!("{} does not run", directory.display())),
        }
    }
    if usable.is_empty() {
        return Err(EmbeddedError::NoBinaries {
            tried: if tried.is_empty() {
                String::new()
            } else {
                format!(" ({})", tried.join("; "))
            },
        });
    }
    // There are binaries, but of other versions than the data directory's: the caller names both.
    Ok(None)
}

fn candidates() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| {
            std::env::split_paths(&path)
                .filter(|entry| entry.is_absolute())
                .collect()
        })
        .unwrap_or_default();
    for (parent, prefix, suffix) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/usr/libexec", "postgresql", ""),
        ("/opt/homebrew/opt", "postgresql", "bin"),
        ("/usr/local/opt", "postgresql", "bin"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
        ("/opt/local/lib", "postgresql", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ] {
        directories.extend(versions_in(Path::new(parent), prefix, suffix));
    }
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output()
        && output.status.success()
    {
        directories.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    directories
}

/// `parent/prefixVERSION/suffix`, the newest version first.
fn versions_in(parent: &Path, prefix: &str, suffix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name();
            let rest = name.to_str()?.strip_prefix(prefix)?;
            let version = rest.trim_start_matches(['@', '-']).split('.').next()?;
            // Homebrew's unversioned formula is a link to its newest.
            let version = if version.is_empty() {
                u32::MAX
            } else {
                version.parse().ok()?
            };
            Some((version, entry.path().join(suffix)))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

fn is_complete(directory: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"]
        .iter()
        .all(|program| directory.join(program).is_file())
}

fn major_version(directory: &Path, account: &Account) -> Option<u32> {
    let output = account
        .command(&directory.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    if output.status.success() {
        parse_version(&String::from_utf8_lossy(&output.stdout))
    } else {
        None
    }
}

/// The major version in what `postgres --version` prints.
fn parse_version(text: &str) -> Option<u32> {
    let version = text.trim().strip_prefix("postgres (PostgreSQL) ")?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u32>) {
        assert_eq!(parse_version(text), expected, "{text}");
    }

    #[test]
    fn versions_are_read() {
        check("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15));
        check("postgres (PostgreSQL) 16.4\n", Some(16));
        check("postgres (PostgreSQL) 19devel\n", Some(19));
        check("postgres (PostgreSQL) 9.6.24", Some(9));
        check("psql (PostgreSQL) 15.18", None);
        check("command not found", None);
    }

    #[test]
    fn the_newest_version_is_first() {
        let directory = tempfile::tempdir().expect("a directory");
        for name in ["9.6", "17", "15", "notes", "16"] {
            std::fs::create_dir(directory.path().join(name)).expect("a directory");
        }
        let found: Vec<String> = versions_in(directory.path(), "", "bin")
            .iter()
            .map(|path| {
                path.strip_prefix(directory.path())
                    .expect("inside")
                    .display()
                    .to_string()
            })
            .collect();
        assert_eq!(found, ["17/bin", "16/bin", "15/bin", "9.6/bin"]);
    }
}
