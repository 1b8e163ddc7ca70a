//! What takes how much room, as a table like that of `docker system df`, and as values for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::words::megabytes;
use crate::exec::usage::{Item, Type};
use crate::report::table;
use crate::state::disk::Used;

/// All that is told.
#[derive(Debug, Serialize)]
pub struct Report {
    /// A row for each type.
    pub types: Vec<Row>,
    /// What all of it takes, as far as that is known.
    pub total: Amount,
    /// Each thing.
    pub objects: Vec<Object>,
}

/// All things of a type.
#[derive(Debug, Serialize)]
pub struct Row {
    #[serde(rename = "type")]
    sort: Type,
    count: usize,
    #[serde(flatten)]
    amount: Amount,
}

/// One thing.
#[derive(Debug, Serialize)]
pub struct Object {
    #[serde(rename = "type")]
    sort: Type,
    name: String,
    /// With what it shares.
    size: Option<u64>,
    /// What something else has as well.
    shared: Option<u64>,
    reclaimable: Option<u64>,
}

/// How much it is.
#[derive(Debug, Default, Serialize)]
pub struct Amount {
    /// Bytes that no row before it has counted; none, if nobody tells.
    pub size: Option<u64>,
    /// Bytes that `bb gc` would free; none, if nobody knows.
    pub reclaimable: Option<u64>,
}

/// Counts what was found. `judged`: it is known what would go.
pub fn report(items: &[Item], judged: bool) -> Report {
    let (mut all, mut going) = (Used::default(), Used::default());
    let sorts = Type::OF_ENGINE.into_iter().chain(Type::OF_STATE);
    let types = sorts.map(|sort| row(sort, items, judged, (&mut all, &mut going)));
    let types = types.collect();
    let reclaimable = judged.then(|| going.freed());
    let total = Amount { size: Some(all.bytes()), reclaimable };
    Report { types, total, objects: objects(items, judged) }
}

/// What a type adds to what was counted before.
fn row(sort: Type, items: &[Item], judged: bool, (all, going): (&mut Used, &mut Used)) -> Row {
    let (before, freed) = (all.bytes(), going.freed());
    let own = items.iter().filter(|item| item.sort == sort).collect::<Vec<_>>();
    for item in &own {
        item.used.iter().for_each(|used| all.add(used));
        going.add(&item.going);
    }
    let told = own.iter().all(|item| item.used.is_some());
    let size = told.then(|| all.bytes() - before);
    let reclaimable = (told && judged).then(|| going.freed() - freed);
    Row { sort, count: own.len(), amount: Amount { size, reclaimable } }
}

fn objects(items: &[Item], judged: bool) -> Vec<Object> {
    let mut holders = BTreeMap::<&str, usize>::new();
    for key in items.iter().filter_map(|item| item.used.as_ref()).flat_map(Used::keys) {
        *holders.entry(key).or_default() += 1;
    }
    let is_shared = |key: &str| holders.get(key).is_some_and(|holders| *holders > 1);
    let object = |item: &Item| Object {
        sort: item.sort,
        name: item.name.clone(),
        size: item.used.as_ref().map(Used::bytes),
        shared: item.used.as_ref().map(|used| used.bytes_of(is_shared)),
        reclaimable: (judged && item.used.is_some()).then(|| item.going.freed()),
    };
    items.iter().map(object).collect()
}

/// The table, a row for each type.
pub fn overview(report: &Report) -> String {
    let head = ["TYPE", "TOTAL", "SIZE", "RECLAIMABLE"].map(str::to_owned);
    let cells = |name: &str, count: String, amount: &Amount| {
        [name.to_owned(), count, shown(amount.size), shown(amount.reclaimable)]
    };
    let row = |row: &Row| cells(row.sort.as_str(), row.count.to_string(), &row.amount);
    let total = cells("total", String::new(), &report.total);
    let rows = [head].into_iter().chain(report.types.iter().map(row)).chain([total]);
    table::columns(&rows.collect::<Vec<_>>())
}

/// The table of all things.
pub fn all(report: &Report) -> String {
    let head = ["TYPE", "SIZE", "SHARED", "RECLAIMABLE", "NAME"].map(str::to_owned);
    let row = |object: &Object| {
        let [size, shared, reclaimable] =
            [object.size, object.shared, object.reclaimable].map(shown);
        [object.sort.as_str().to_owned(), size, shared, reclaimable, object.name.clone()]
    };
    let rows = [head].into_iter().chain(report.objects.iter().map(row));
    table::columns(&rows.collect::<Vec<_>>())
}

fn shown(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), megabytes)
}
