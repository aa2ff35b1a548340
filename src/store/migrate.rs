//! Migrations.

mod embedded {
    refinery::embed_migrations!("schema/migrations");
}

/// Brings the schema up to date.
pub async fn run(client: &mut tokio_postgres::Client) -> Result<(), refinery::Error> {
    embedded::migrations::runner().run_async(client).await.map(|_| ())
}
