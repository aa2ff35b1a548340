//! A desk: a database, a directory and the binary, as a person uses them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::{self, TestStore};

/// A database and a directory of one test.
pub struct Desk {
    /// The database.
    pub database: TestStore,
    /// The directory in which commands run.
    pub directory: tempfile::TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    /// The command line.
    pub command: String,
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// The same, when it ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "`{}`\n--- stdout\n{}\n--- stderr\n{}",
            self.command, self.out, self.err
        );
        self
    }

    /// The same, when it said all of this on standard output or standard error.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.out.contains(text) || self.err.contains(text),
                "`{}` does not say `{text}`\n--- stdout\n{}\n--- stderr\n{}",
                self.command,
                self.out,
                self.err
            );
        }
        self
    }

    /// Its standard output as a JSON array.
    #[track_caller]
    pub fn rows(&self) -> Vec<serde_json::Value> {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("`{}`: {error}\n{}", self.command, self.out))
    }
}

/// Every table: how many rows it has, and a digest of all of them in whatever order.
pub type State = BTreeMap<String, (i64, String)>;

/// Σ debits - Σ credits over all books, by code, currency and dimension; accounts at zero are not there.
pub type Balances = BTreeMap<(i16, String, String), i64>;

impl Desk {
    /// An empty, migrated database and an empty directory.
    pub async fn new() -> Self {
        Self {
            database: support::store().await,
            directory: support::directory(),
        }
    }

    /// A database that others have written, and an empty directory.
    pub fn on(database: TestStore) -> Self {
        Self {
            database,
            directory: support::directory(),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file into the directory.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, content).expect("a written file");
        path
    }

    /// Reads a file of the directory.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs the binary in the directory, on the database.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.database.acquit().current_dir(self.path()).args(arguments).output();
        ran(arguments, &output.expect("the binary runs"))
    }

    /// What all tables hold.
    pub async fn state(&self) -> State {
        let admin = &self.database.admin;
        let tables = admin
            .query(
                "select tablename::text from pg_tables where schemaname = 'public' order by 1",
                &[],
            )
            .await
            .expect("the tables");
        let counts: Vec<String> = tables
            .iter()
            .map(|row| {
                let table: &str = row.get(0);
                format!(
                    "select '{table}', count(*), md5(coalesce(string_agg(t::text, ' ' order by t::text collate \"C\"), '')) from \"{table}\" t"
                )
            })
            .collect();
        let rows = admin.query(&counts.join(" union all "), &[]).await.expect("counts");
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
    }

    /// The balances of all books together.
    pub async fn balances(&self) -> Balances {
        let rows = self
            .database
            .admin
            .query(
                "select account.code, account.currency, account.dimension, sum(balance.debits - balance.credits)::bigint
                 from balance join account on account.id = balance.account_id
                 group by 1, 2, 3 having sum(balance.debits - balance.credits) <> 0",
                &[],
            )
            .await
            .expect("balances");
        rows.iter()
            .map(|row| ((row.get(0), row.get(1), row.get(2)), row.get(3)))
            .collect()
    }

    /// Holds the books to what is always true of them: every balance is the sum of its transfers, every currency adds up to
    /// nothing, entries are numbered without a gap, and memo accounts move among themselves.
    pub async fn is_sound(&self) {
        let violations = "
            with moved as (
                select book_id, account_id, sum(debit)::bigint as debits, sum(credit)::bigint as credits
                from (
                    select book_id, debit_account as account_id, amount as debit, 0 as credit from transfer
                    union all
                    select book_id, credit_account, 0, amount from transfer
                ) side
                group by book_id, account_id
            )
            select 'balance of account ' || account_id || ' in book ' || book_id
            from moved full join balance using (book_id, account_id)
            where (moved.debits, moved.credits) is distinct from (balance.debits, balance.credits)
            union all
            select 'sum of ' || account.currency from balance join account on account.id = balance.account_id
            group by account.currency having sum(balance.debits - balance.credits) <> 0
            union all
            select 'numbers of book ' || book.id from book left join entry on entry.book_id = book.id
            group by book.id having count(entry.number) <> book.number or coalesce(max(entry.number), 0) <> book.number
            union all
            select 'transfer of entry ' || transfer.entry_number || ' in book ' || transfer.book_id
            from transfer
            join account debit on debit.id = transfer.debit_account
            join account credit on credit.id = transfer.credit_account
            where debit.currency <> credit.currency or (debit.code >= 9000) <> (credit.code >= 9000)";
        let rows = self.database.admin.query(violations, &[]).await.expect("the audit");
        let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// Runs the binary without a database.
pub fn run_alone(arguments: &[&str]) -> Ran {
    let output = support::acquit().args(arguments).output();
    ran(arguments, &output.expect("the binary runs"))
}

fn ran(arguments: &[&str], output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output in UTF-8");
    Ran {
        command: format!("acquit {}", arguments.join(" ")),
        code: output.status.code().unwrap_or(-1),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}
