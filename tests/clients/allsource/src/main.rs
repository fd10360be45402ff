// Calls of the crate `allsource`, unchanged, against a server of Chronos: chronos-allsource-check <url> <key>
use allsource::{
    CoreClient, Error, Event, EventFolder, EventStreamClient, IngestEventInput, ListEntitiesParams, ProjectionWorker,
    QueryClient, QueryEventsParams, StreamItem, StreamMode,
};
use futures_util::StreamExt;
use serde_json::json;
use std::time::Duration;

/// How many events of an entity there are, and their sum.
#[derive(Default)]
struct Sum {
    count: u64,
    total: u64,
}

impl EventFolder for Sum {
    type State = (u64, u64);

    fn apply(&mut self, event: &Event) -> bool {
        self.count += 1;
        self.total += event.payload["n"].as_u64().unwrap_or(0);
        true
    }

    fn finalize(self) -> Option<(u64, u64)> {
        Some((self.count, self.total))
    }
}

fn counted(entity: &str, n: u64) -> IngestEventInput {
    IngestEventInput::new("sum.counted", entity, json!({ "n": n }))
}

/// A fold over one answer sees every event.
async fn check_folds(core: &CoreClient, query: &QueryClient) -> Result<(), Error> {
    core.ingest_batch((1..=250).map(|n| counted("sum:1", n)).collect()).await?;
    let sum = query.query_and_fold::<Sum>(QueryEventsParams::new().entity_id("sum:1")).await?;
    assert_eq!(sum, Some((250, 250 * 251 / 2)));
    Ok(())
}

/// Made, asked, acknowledged, given other filters at its place.
async fn check_consumers(core: &CoreClient) -> Result<(), Error> {
    let made = core.register_consumer("as-polls", &["sale.paid".into()]).await?;
    assert_eq!((made.cursor_position, made.event_type_filters), (None, vec!["sale.paid".to_string()]));
    let first = core.poll_consumer_events("as-polls", Some(10)).await?;
    assert_eq!((first.len(), first[0].event.event_type.as_str()), (1, "sale.paid"));
    core.ack_consumer("as-polls", first[0].position).await?;
    let changed = core.register_consumer("as-polls", &["sum.*".into()]).await?;
    assert_eq!(changed.event_type_filters, ["sum.*"]);
    assert_eq!(changed.cursor_position, Some(first[0].position));
    let next = core.poll_consumer_events("as-polls", None).await?;
    assert_eq!((next.len(), next[0].event.event_type.as_str()), (100, "sum.counted"));
    match core.get_consumer("as-unknown").await {
        Err(Error::Api { status: 404, .. }) => Ok(()),
        other => panic!("an unknown consumer is 404, not {other:?}"),
    }
}

/// What was not acknowledged comes again, then what happens now.
async fn check_socket(url: &str, key: &str, core: &CoreClient) -> Result<(), Error> {
    let mut stream = EventStreamClient::new(url, key).connect("as-socket", &["sum.*".into()]).await?;
    let mut seen = Vec::new();
    loop {
        match stream.next().await.expect("the stream goes on")? {
            StreamItem::Event(item) => {
                assert_eq!(item.mode, StreamMode::Replay);
                seen.push(item.position.expect("of a replay"));
            }
            StreamItem::ReplayComplete { replayed } => break assert_eq!(replayed, seen.len() as u64),
            other => panic!("unexpected: {other:?}"),
        }
    }
    assert!(seen.len() >= 250 && seen.is_sorted(), "{}", seen.len());
    core.ingest_event(counted("sum:2", 7)).await?;
    match stream.next().await.expect("the stream goes on")? {
        StreamItem::Event(item) => assert_eq!((item.mode, item.event.entity_id.as_str()), (StreamMode::Live, "sum:2")),
        other => panic!("an event is expected, not {other:?}"),
    }
    stream.close().await
}

/// A worker with these types that stands where an earlier one of its name was; how many events it was given.
async fn run_worker(core: &CoreClient, types: &[&str]) -> Result<u64, Error> {
    let worker = ProjectionWorker::<u64>::builder(core.clone())
        .name("as-worker")
        .event_types(types)
        .checkpoint_interval(100)
        .reducer(|count: &mut u64, _: &Event| {
            *count += 1;
            Ok(())
        })
        .build()?;
    let handle = worker.start().await?;
    for _ in 0..100 {
        if handle.is_caught_up() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(handle.is_caught_up());
    let count = *handle.state().read().await;
    handle.stop().await?;
    Ok(count)
}

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

    check_folds(&core, &query).await?;
    check_consumers(&core).await?;
    check_socket(url, key, &core).await?;
    assert_eq!(run_worker(&core, &["sum.*"]).await?, 251);
    assert_eq!(run_worker(&core, &["sum.*"]).await?, 0);
    core.ingest_event(IngestEventInput::new("sale.paid", "as:9", json!({}))).await?;
    assert_eq!(run_worker(&core, &["sum.*", "sale.*"]).await?, 1);
    println!("crate allsource 0.26.0: as it should be");
    Ok(())
}
