//! `schema/schema.sql` is the migrations' sum: the schema as one can read it. After a new migration run the test with
//! UPDATE_SCHEMA=1, which writes it.

use std::path::Path;
use std::process::Command;

use acquit::store::Target;

use crate::support;

/// The schema of a database as statements, without what differs between servers and versions of pg_dump.
fn dump(url: &str) -> String {
    let beside = support::cluster().binaries().program("pg_dump");
    let program = if beside.is_file() { beside } else { "pg_dump".into() };
    let variables = Target::url(url).libpq_environment().expect("a way there");
    let output = Command::new(program)
        .args(["--schema-only", "--no-owner", "--exclude-table=refinery_schema_history"])
        .envs(variables)
        .output()
        .expect("pg_dump");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut text = String::new();
    for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
        let noise = [
            "--",
            "SET ",
            "SELECT pg_catalog.set_config",
            "\\restrict",
            "\\unrestrict",
        ]
        .iter()
        .any(|start| line.starts_with(start));
        let second_blank_line = line.is_empty() && (text.is_empty() || text.ends_with("\n\n"));
        if !noise && !second_blank_line {
            text.push_str(line);
            text.push('\n');
        }
    }
    text.trim_end().to_owned() + "\n"
}

#[tokio::test]
async fn schema_sql_is_the_sum_of_the_migrations() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/schema.sql");
    let migrated = dump(&support::database().await);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        let header = "-- The whole schema, to be read: the sum of schema/migrations, held equal by a test. Written by\n\
                      -- `UPDATE_SCHEMA=1 cargo test --test it schema`; change a migration, not this file.\n\n";
        std::fs::write(&path, format!("{header}{migrated}")).expect("schema.sql");
    }
    // Loaded and dumped again by the same pg_dump, because another version of it words some things in another way.
    let url = support::empty_database().await;
    let text = std::fs::read_to_string(&path).expect("schema.sql");
    support::client(&url)
        .await
        .batch_execute(&text)
        .await
        .expect("a schema");
    let loaded = dump(&url);
    assert!(
        loaded == migrated,
        "schema/schema.sql is not the sum of the migrations, run this with UPDATE_SCHEMA=1; first difference: {:?}",
        loaded.lines().zip(migrated.lines()).find(|(a, b)| a != b)
    );
}
