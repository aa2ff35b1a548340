//! The private cluster: shared, stopped by the last, recovered after a crash.

use crate::support;

#[tokio::test]
async fn a_store_opens_on_a_clone_of_the_template() {
    let test = support::store().await;
    let session = test.store.session().await.expect("a session");
    let role: String = session
        .query_one("select current_user::text", &[])
        .await
        .expect("a row")
        .get(0);
    assert_eq!(role, "acquit_runtime");
    let zone: String = session.query_one("show timezone", &[]).await.expect("a row").get(0);
    assert_eq!(zone, "UTC");
    let owner: String = test
        .admin
        .query_one("select current_user::text", &[])
        .await
        .expect("a row")
        .get(0);
    assert_eq!(owner, "acquit");
}

#[tokio::test]
async fn an_empty_database_is_migrated_by_whoever_opens_it() {
    let url = support::empty_database().await;
    let target = acquit::store::Target::url(url.as_str());
    let refused = target.pool().await.err().expect("no schema yet");
    assert_eq!(refused.to_string(), "the database has no acquit schema");
    let (first, second) = tokio::join!(acquit::store::Store::open(&target), acquit::store::Store::open(&target));
    first.expect("a store");
    second.expect("a store");
}
