// Calls of the crate `allsource`, unchanged, against a server of Chronos: chronos-allsource-check <url> <key>
use allsource::{CoreClient, Error, IngestEventInput, ListEntitiesParams, QueryClient, QueryEventsParams};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let (url, key) = (&arguments[1], &arguments[2]);
    let core = CoreClient::new(url, key)?;
    let query = QueryClient::new(url, key)?;

    assert_eq!(core.health().await?.status, "healthy");
    let first = core
        .ingest_event(IngestEventInput::new("SalePlaced", "as:1", json!({"total": 42, "status": "new"})))
        .await?;
    assert_eq!(first.version, Some(1));
    let batch = core
        .ingest_batch(vec![
            IngestEventInput::new("sale.paid", "as:1", json!({"status": "paid"})).with_expected_version(1),
            IngestEventInput::new("sale.placed", "as:2", json!({"status": "new"})).with_metadata(json!({"source": "x"})),
        ])
        .await?;
    assert_eq!((batch.total, batch.ingested, batch.events.len()), (2, 2, 2));
    assert_eq!(batch.events[0].version, Some(2));

    match core
        .ingest_event(IngestEventInput::new("sale.paid", "as:1", json!({})).with_expected_version(1))
        .await
    {
        Err(Error::VersionConflict { expected, current }) => assert_eq!((expected, current), (1, 2)),
        other => panic!("a stale version is a conflict, not {other:?}"),
    }

    let events = query.get_entity_events("as:1").await?;
    assert_eq!((events.count, events.total_count, events.has_more), (2, Some(2), Some(false)));
    assert_eq!(events.events[0].event_type, "sale.placed");
    let newest = query
        .query_events(QueryEventsParams::new().event_type_prefix("sale.").order_desc().limit(1))
        .await?;
    assert_eq!(newest.events[0].entity_id, "as:2");
    assert_eq!(newest.has_more, Some(true));
    let found = query
        .query_events(QueryEventsParams::new().event_type("sale.placed").payload_filter("status", "new").offset(1))
        .await?;
    assert_eq!((found.count, found.total_count), (1, Some(2)));

    let entities = query
        .list_entities(ListEntitiesParams::new().event_type_prefix("sale.").order_desc().limit(1))
        .await?;
    assert_eq!((entities.total, entities.has_more), (2, true));
    assert_eq!(entities.entities[0].entity_id, "as:2");

    match CoreClient::new(url, "wrong")?.ingest_event(IngestEventInput::new("t", "e", json!({}))).await {
        Err(Error::Api { status: 401, message, .. }) => assert!(message.contains("key"), "{message}"),
        other => panic!("a wrong key is 401, not {other:?}"),
    }
    println!("crate allsource 0.26.0: as it should be");
    Ok(())
}
