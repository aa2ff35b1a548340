//! Connections: a pool whose sessions recycle clean and run as the run-time role.

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod};

/// Opens a pool on a database URL.
pub fn open(url: &str) -> Result<Pool, tokio_postgres::Error> {
    let config: tokio_postgres::Config = url.parse()?;
    let recycle = "ROLLBACK; RESET ALL; SELECT pg_advisory_unlock_all()";
    let manager = Manager::from_config(
        config,
        tokio_postgres::NoTls,
        ManagerConfig {
            recycling_method: RecyclingMethod::Custom(recycle.to_owned()),
        },
    );
    Ok(Pool::builder(manager)
        .max_size(8)
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async move {
                client
                    .batch_execute("SET ROLE acquit_runtime")
                    .await
                    .map_err(HookError::Backend)
            })
        }))
        .build()
        .expect("a runtime"))
}
