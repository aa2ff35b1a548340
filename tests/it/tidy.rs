//! The house rules that a program can check. Every test lists all violations at once, each with its place.
//!
//! What code *is* is read here by lines: a comment is a line that begins with `//`, and the tests of a file are what follows
//! its `mod tests {`.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows fails, as it should"
)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support;

/// A file of the repository.
struct Source {
    /// From the root, with slashes.
    path: String,
    text: String,
}

impl Source {
    /// The lines that run in the program, by number: no comments, no tests.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.path.ends_with("/tests.rs") || self.path.contains("/tests/");
        let end = self.text.find("\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text.get(..end).unwrap_or_default().lines();
        let numbered = lines.enumerate().map(|(place, line)| (place + 1, line));
        numbered.filter(move |(_, line)| !tests && !line.trim_start().starts_with("//"))
    }

    /// `src/store/tx.rs` and `src/store.rs` are of `store`.
    fn module(&self) -> Option<&str> {
        let name = self.path.strip_prefix("src/")?.split('/').next()?;
        Some(name.strip_suffix(".rs").unwrap_or(name))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files that git tracks or would; those that are no text are left out.
fn files() -> Vec<Source> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    let mut paths: Vec<String> = match listed {
        Ok(listed) if listed.status.success() => String::from_utf8(listed.stdout)
            .expect("UTF-8")
            .split_terminator('\0')
            .map(str::to_owned)
            .collect(),
        // A copy of the sources without their history.
        _ => walk(root()),
    };
    paths.sort();
    let sources: Vec<Source> = paths
        .into_iter()
        .filter_map(|path| {
            let text = fs::read_to_string(root().join(&path)).ok()?;
            Some(Source { path, text })
        })
        .collect();
    assert!(sources.len() > 100, "only {} files were found", sources.len());
    sources
}

fn walk(directory: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path: PathBuf = entry.expect("an entry").path();
        let name = path.strip_prefix(root()).expect("below the root").to_string_lossy();
        if path.is_dir() && !["target", "demo", ".git"].contains(&&*name) {
            paths.extend(walk(&path));
        } else if path.is_file() {
            paths.push(name.into_owned());
        }
    }
    paths
}

fn rust(files: &[Source]) -> impl Iterator<Item = &Source> {
    files.iter().filter(|file| file.path.ends_with(".rs"))
}

/// Code of the program: `src` without its tests.
fn code(files: &[Source]) -> impl Iterator<Item = (&Source, usize, &str)> {
    rust(files)
        .filter(|file| file.path.starts_with("src/"))
        .flat_map(|file| file.code().map(move |(line, text)| (file, line, text)))
}

#[track_caller]
fn check(violations: impl IntoIterator<Item = String>) {
    let violations: BTreeSet<String> = violations.into_iter().collect();
    let list: Vec<&str> = violations.iter().map(String::as_str).collect();
    assert!(list.is_empty(), "{} violations:\n{}", list.len(), list.join("\n"));
}

fn at(file: &Source, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", file.path)
}

const LEAVES: &str = "calendar card_number dates delimited iban ids money packed whole_file";

/// What each module may use, beside itself.
const LAYERS: &[(&str, &str)] = &[
    ("lib", ""),
    ("main", ""),
    ("card_number", ""),
    ("delimited", ""),
    ("iban", ""),
    ("whole_file", ""),
    ("dates", "card_number"),
    ("ids", "card_number"),
    ("money", "card_number"),
    ("packed", "card_number delimited"),
    ("calendar", "card_number dates delimited ids"),
    ("ledger", "LEAVES"),
    ("acquirer", "LEAVES"),
    ("bank", "LEAVES acquirer"),
    ("settings", "LEAVES acquirer"),
    ("idempotency", "LEAVES ledger"),
    ("payment", "LEAVES ledger settings"),
    ("recon", "LEAVES ledger settings acquirer"),
    ("audit", "LEAVES ledger settings payment"),
    ("payout", "LEAVES ledger settings payment audit"),
    ("embedded", ""),
    (
        "store",
        "LEAVES ledger settings idempotency acquirer bank payment recon audit payout embedded",
    ),
    ("worker", "LEAVES settings acquirer bank payment store"),
    ("simulate", "LEAVES"),
    (
        "cli",
        "LEAVES ledger settings idempotency acquirer bank payment recon audit payout embedded store worker simulate",
    ),
];

#[test]
fn modules_use_only_those_above_them() {
    let files = files();
    check(code(&files).filter_map(|(file, line, text)| {
        let used = text.split("crate::").nth(1)?;
        let used: String = used
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect();
        let module = file.module().unwrap_or_default();
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            return Some(at(file, line, &format!("`{module}` has no place in the layers")));
        };
        let allowed = allowed.replace("LEAVES", LEAVES);
        let fine = used.is_empty() || used == module || allowed.split(' ').any(|name| name == used);
        (!fine).then(|| at(file, line, &format!("`{module}` does not use `{used}`")))
    }));
}

/// Words that belong to some modules, or files, alone: whose they are, and what takes their place elsewhere.
const WALLS: &[(&[&str], &[&str], &str)] = &[
    (
        &["tokio_postgres", "deadpool", "refinery", "rustls"],
        &["src/store/"],
        "only `store` knows PostgreSQL",
    ),
    (
        &["clap::", "println!", "print!(", "stdout()", "comfy_table", "indicatif"],
        &["src/cli/"],
        "only `cli` knows the terminal",
    ),
    (
        &["async ", ".await", "tokio::"],
        &["src/store/", "src/worker/", "src/cli/"],
        "only `store`, `worker` and `cli` are async",
    ),
    (
        &["tracing::"],
        &[
            "src/store/",
            "src/worker/",
            "src/cli/mod.rs",
            "src/cli/worker.rs",
            "src/embedded",
        ],
        "what decides does not log",
    ),
    (
        &["std::fs", " File::", "(File::"],
        &[
            "src/whole_file.rs",
            "src/simulate/files.rs",
            "src/store/",
            "src/worker/",
            "src/cli/",
            "src/embedded",
        ],
        "take `impl Read`",
    ),
    (
        &["Utc::now", "Local::now"],
        &["src/cli/mod.rs"],
        "time is an argument; the only clock is that of the command line",
    ),
    (
        &["SystemTime", "Instant::now"],
        &["src/embedded"],
        "time is an argument; only waiting for a server needs a clock",
    ),
    (
        &["std::env", "env::var"],
        &["src/cli/", "src/embedded", "src/store/connect.rs"],
        "the environment is read at the edge",
    ),
    (
        &["rand::"],
        &["src/store/mod.rs", "src/whole_file.rs"],
        "chance is an argument",
    ),
    (
        &[
            ".unwrap()",
            ".expect(",
            "unreachable!",
            "panic!(",
            "todo!",
            "unimplemented!",
            "dbg!",
        ],
        &[],
        "return an error",
    ),
    (
        &[".sum()", ".sum::<", ".product()"],
        &[],
        "sums are not checked for overflow: fold with checked_add",
    ),
];

#[test]
fn every_wall_stands() {
    let files = files();
    let mut violations = Vec::new();
    for (file, line, text) in code(&files) {
        for (words, owners, instead) in WALLS {
            let word = words.iter().find(|word| text.contains(*word));
            if let Some(word) = word
                && !owners.iter().any(|owner| file.path.starts_with(owner))
            {
                violations.push(at(file, line, &format!("`{word}`: {instead}")));
            }
        }
    }
    check(violations);
}

#[test]
fn a_lint_is_allowed_with_a_reason() {
    let files = files();
    let mut violations = Vec::new();
    for file in rust(&files).filter(|file| file.path != "tests/it/tidy.rs") {
        for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
            for (place, _) in file.text.match_indices(opening) {
                let (before, after) = file.text.split_at(place);
                let attribute = after.split(")]").next().unwrap_or_default();
                if !attribute.contains("reason = ") {
                    violations.push(at(file, before.lines().count(), "say the reason"));
                }
            }
        }
    }
    check(violations);
}

/// Statements that make a session or bound a transaction may stand in Rust, in these files.
const SESSION_STATEMENTS: &[(&str, &str)] = &[
    ("src/embedded.rs", "create database {NAME}\\n"),
    (
        "src/store/connect.rs",
        "SET ROLE acquit_runtime; SET TimeZone = 'UTC'; ",
    ),
    (
        "src/store/connect.rs",
        "BEGIN; ROLLBACK; CLOSE ALL; UNLISTEN *; RESET ALL; ",
    ),
    (
        "src/store/connect.rs",
        "; DISCARD TEMP; SELECT pg_advisory_unlock_all()",
    ),
    ("src/store/connect.rs", "SET ROLE acquit_auditor;"),
    ("src/store/migrate.rs", "SELECT pg_advisory_lock("),
    (
        "src/store/snapshot.rs",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    ),
    ("src/store/tx.rs", "BEGIN ISOLATION LEVEL READ COMMITTED"),
    ("src/store/tx.rs", "SELECT 1\""),
    ("src/store/tx.rs", "COMMIT\""),
    ("src/store/tx.rs", "ROLLBACK\""),
    ("src/store/tx.rs", "SET LOCAL application_name = 'acquit worker "),
    ("src/store/tx.rs", "; COMMIT\")"),
    ("src/store/worker.rs", "RESET ROLE\""),
];

#[test]
fn statements_are_files() {
    const VERBS: &str = "select insert update delete copy with truncate create drop alter grant lock declare fetch set begin \
                         commit rollback";
    let files = files();
    check(
        code(&files)
            .filter(|(file, _, _)| file.path.starts_with("src/store/") || file.path == "src/embedded.rs")
            .filter_map(|(file, line, text)| {
                let literal = text.split('"').nth(1)?.trim_start_matches("; ");
                // `set ACQUIT_DATA ...` is advice, `SET ROLE ...` is SQL: advice is in lower case and a statement of two words.
                let verb = literal.split([' ', ';']).next()?;
                let shouted = !verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_uppercase());
                let looks = VERBS.split_whitespace().any(|known| known.eq_ignore_ascii_case(verb))
                    && (shouted
                        || literal.contains(" from ")
                        || literal.contains(" into ")
                        || literal.contains("database {"));
                let allowed = SESSION_STATEMENTS
                    .iter()
                    .any(|(place, statement)| *place == file.path && text.contains(statement));
                (looks && !allowed).then(|| at(file, line, "a statement belongs into schema/queries"))
            }),
    );
}

#[test]
fn every_query_is_one_statement_that_somebody_uses() {
    let files = files();
    let used: String = rust(&files)
        .filter(|file| file.path.starts_with("src/"))
        .map(|file| file.text.as_str())
        .collect();
    let mut violations = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".sql")) {
        let Some(name) = file
            .path
            .strip_prefix("schema/queries/")
            .or_else(|| file.path.strip_prefix("schema/audits/"))
        else {
            continue;
        };
        let is_audit = file.path.starts_with("schema/audits/");
        let known = if is_audit {
            acquit::store::audit::AUDITS.iter().any(|audit| audit.sql == file.text)
        } else {
            used.contains(&format!("schema/queries/{name}\""))
        };
        let statement: String = file
            .text
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect();
        let one = statement.trim_end().trim_end_matches(';');
        // Settings of a session go together; they have no parameters and no rows.
        let is_session = name.ends_with("_session.sql");
        for (wrong, what) in [
            (!known, "nobody uses it"),
            (
                !file.text.starts_with("-- "),
                "its first line does not say what it is for",
            ),
            (!statement.trim_end().ends_with(';'), "it has no `;` at its end"),
            (one.contains(';') && !is_session, "it has more than one statement"),
        ] {
            if wrong {
                violations.push(at(file, 1, what));
            }
        }
    }
    check(violations);
}

#[test]
fn nothing_is_left_over() {
    // In pieces, so that this file does not find itself.
    let words: Vec<String> = [
        ("TO", "DO"),
        ("FIX", "ME"),
        ("<<<<", "<<< "),
        (">>>>", ">>> "),
        ("issue", " #"),
        ("/wo", "rk/"),
        ("/ro", "ot/"),
        ("as an ", "AI"),
    ]
    .map(|(a, b)| format!("{a}{b}"))
    .into();
    let mut violations = Vec::new();
    for file in files() {
        let is_rust = file.path.ends_with(".rs");
        for (place, line) in file.text.lines().enumerate() {
            let line_number = place + 1;
            for word in words.iter().filter(|word| line.contains(*word)) {
                violations.push(at(&file, line_number, &format!("left over: {word}")));
            }
            if is_rust && line.contains('\t') {
                violations.push(at(&file, line_number, "a tab"));
            }
            // rustfmt holds the width of code; comments are ours.
            if is_rust && line.trim_start().starts_with("//") && line.chars().count() > 132 {
                violations.push(at(&file, line_number, "a comment of more than 132 characters"));
            }
            if line.ends_with(' ') && !file.path.starts_with("tests/it/help/") && !file.path.ends_with(".csv") {
                violations.push(at(&file, line_number, "a blank at the end"));
            }
        }
    }
    check(violations);
}

#[tokio::test]
async fn every_constraint_says_its_rule() {
    let store = support::store().await;
    // Keys of generated ids (`…_pkey`) cannot be broken by anything that a caller brings.
    let sql = "select conname::text from pg_constraint where connamespace = 'public'::regnamespace
                   and contype in ('c', 'u', 'p') and conrelid::regclass::text <> 'refinery_schema_history'
                   and conname not like '%\\_pkey'
               union
               select indexrelid::regclass::text from pg_index join pg_class on pg_class.oid = indrelid
               where relnamespace = 'public'::regnamespace and indisunique and relname <> 'refinery_schema_history'
                   and indexrelid::regclass::text not like '%\\_pkey'";
    let rows = store.admin.query(sql, &[]).await.expect("constraints");
    let found: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let known: BTreeSet<String> = acquit::store::constraints::RULES
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let without = found
        .difference(&known)
        .map(|name| format!("{name}: no sentence in store/constraints.rs"));
    let gone = known
        .difference(&found)
        .map(|name| format!("{name}: the schema has no such constraint"));
    check(without.chain(gone));
    assert!(
        acquit::store::constraints::RULES.is_sorted(),
        "the constraints are in alphabetical order"
    );
}

/// The help of every command as a file under tests/it/help. `UPDATE_HELP=1 cargo test --test it tidy` writes them.
#[test]
fn help_is_as_reviewed() {
    let directory = root().join("tests/it/help");
    let update = std::env::var_os("UPDATE_HELP").is_some();
    let mut violations = Vec::new();
    let mut expected_files = BTreeSet::new();
    let mut waiting: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = waiting.pop() {
        let output = support::acquit()
            .args(&command)
            .arg("--help")
            .env("COLUMNS", "100")
            .output()
            .expect("the binary");
        assert!(output.status.success(), "{command:?}: {output:?}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        waiting.extend(subcommands(&text).map(|name| command.iter().cloned().chain([name]).collect()));
        let name = format!(
            "{}.txt",
            [&["acquit".to_owned()], command.as_slice()].concat().join("-")
        );
        let path = directory.join(&name);
        if update {
            fs::create_dir_all(&directory).expect("a directory");
            fs::write(&path, &text).expect("written");
        }
        if fs::read_to_string(&path).unwrap_or_default() != text {
            violations.push(format!(
                "tests/it/help/{name}: the help differs; run with UPDATE_HELP=1 and review it"
            ));
        }
        expected_files.insert(name);
    }
    for entry in fs::read_dir(&directory).expect("a directory") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        if !expected_files.contains(&name) {
            violations.push(format!("tests/it/help/{name}: there is no such command"));
        }
    }
    check(violations);
}

/// Who runs a command that books, and did not know that it only plans, waits for what never comes.
#[test]
fn every_command_that_plans_is_named() {
    let directory = root().join("tests/it/help");
    let help = fs::read_to_string(directory.join("acquit.txt")).expect("the help");
    let (named, _) = help.split_once(" show a plan").expect("which commands plan");
    let named = named.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut violations = Vec::new();
    for entry in fs::read_dir(&directory).expect("a directory") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        let text = fs::read_to_string(directory.join(&name)).expect("a help");
        let command = name
            .trim_start_matches("acquit-")
            .trim_end_matches(".txt")
            .replace('-', " ");
        let plans = text.lines().any(|line| line.trim() == "--execute");
        if plans && !named.contains(&format!("`{command}`")) {
            violations.push(format!("`{command}` plans, and `acquit --help` does not say so"));
        }
    }
    check(violations);
}

/// The commands that a help text lists.
fn subcommands(help: &str) -> impl Iterator<Item = String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
}

#[test]
fn only_work_that_was_done_ends_with_2() {
    let missing = support::directory();
    let missing = missing.path().join("missing.jsonl");
    let missing = missing.to_str().expect("UTF-8");
    let mut table = String::new();
    for arguments in [
        &["--help"][..],
        &["--version"],
        &[],
        &["settle"],
        &["record"],
        &["record", "--no-such", "x"],
        &["reconcile", "x"],
        &["payout"],
        &["record", missing],
        &["reconcile", missing, "--acquirer", "adyen"],
        &["settings", "check", missing],
    ] {
        let output = support::acquit().args(arguments).output().expect("the binary");
        let said = String::from_utf8_lossy(&output.stderr);
        let times = said.matches("No such file or directory").count();
        let line = arguments.join(" ").replace(missing, "FILE");
        let code = output.status.code().expect("an exit code");
        writeln!(table, "{code} {times} acquit {line}").expect("text");
    }
    assert_eq!(
        table,
        "0 0 acquit --help\n0 0 acquit --version\n1 0 acquit \n1 0 acquit settle\n1 0 acquit record\n\
         1 0 acquit record --no-such x\n1 0 acquit reconcile x\n1 0 acquit payout\n1 1 acquit record FILE\n\
         1 1 acquit reconcile FILE --acquirer adyen\n1 1 acquit settings check FILE\n"
    );
}

/// Every test, constraint and audit in the table of ARCHITECTURE.md is there.
#[test]
fn what_proves_what_is_there() {
    let files = files();
    let text = |path: &str| {
        files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    };
    let map = text("ARCHITECTURE.md").expect("ARCHITECTURE.md");
    let (_, table) = map.split_once("## What proves what").expect("the table");
    let table = table.split("\n## ").next().expect("a section");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 20, "only {} rows were found", rows.len());
    let schema = text("schema/schema.sql").expect("the schema");
    let is_held = |name: &str| match name.ends_with(".sql") {
        true => text(&format!("schema/audits/{name}")).is_some(),
        false => ["CONSTRAINT", "TRIGGER", "UNIQUE INDEX"]
            .iter()
            .any(|kind| schema.contains(&format!("{kind} {name} "))),
    };
    let is_tested = |name: &str| {
        let (path, test) = name.split_once("::")?;
        let path = if path.starts_with("src/") {
            path.to_owned()
        } else {
            format!("tests/it/{path}")
        };
        let (before, _) = text(&path)?.split_once(&format!("fn {test}("))?;
        before
            .lines()
            .rev()
            .take(4)
            .any(|line| line.trim().ends_with("test]") || line.contains("::test("))
            .then_some(())
    };
    check(rows.iter().flat_map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, rule, held, tested, _] = cells[..] else {
            return vec![format!("not three cells: {row}")];
        };
        let named = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        let mut missing: Vec<String> = named(held).into_iter().filter(|name| !is_held(name)).collect();
        missing.extend(named(tested).into_iter().filter(|name| is_tested(name).is_none()));
        if named(tested).is_empty() {
            missing.push("a test".to_owned());
        }
        missing.into_iter().map(|name| format!("{rule}: no {name}")).collect()
    }));
}
