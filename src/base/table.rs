//! Sorted tables as they are read: room is made for what comes, not for what is announced.
//!
//! A binary format announces how many entries follow; `litemap`'s own reader makes room for as many, however few
//! bytes there are.

use std::fmt;
use std::marker::PhantomData;

use litemap::LiteMap;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Room for more entries is made when there are more.
const ROOM: usize = 1 << 16;

/// Writes a table.
///
/// # Errors
/// Those of the format.
pub fn serialize<S, K, V>(table: &LiteMap<K, V>, to: S) -> Result<S::Ok, S::Error>
where
    S: Serializer,
    K: Serialize,
    V: Serialize,
{
    to.collect_map(table.iter())
}

/// Reads a table.
///
/// # Errors
/// Those of the format.
pub fn deserialize<'de, D, K, V>(from: D) -> Result<LiteMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Deserialize<'de> + Ord,
    V: Deserialize<'de>,
{
    read::<D, K, K, V>(from)
}

/// The same where keys are written as something else.
pub(super) fn read<'de, D, W, K, V>(from: D) -> Result<LiteMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    W: Deserialize<'de> + Into<K>,
    K: Ord,
    V: Deserialize<'de>,
{
    from.deserialize_map(Table::<W, K, V>(PhantomData))
}

struct Table<W, K, V>(PhantomData<(W, K, V)>);

impl<'de, W, K, V> Visitor<'de> for Table<W, K, V>
where
    W: Deserialize<'de> + Into<K>,
    K: Ord,
    V: Deserialize<'de>,
{
    type Value = LiteMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut table = LiteMap::with_capacity(map.size_hint().unwrap_or(0).min(ROOM));
        while let Some((key, value)) = map.next_entry::<W, V>()? {
            // They are written in order, but for a few that sort otherwise as text.
            if let Some((key, value)) = table.try_append(key.into(), value) {
                table.insert(key, value);
            }
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fresh::record::Record;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Kept(#[serde(with = "super")] LiteMap<String, String>);

    #[test]
    fn a_table_leads_back_to_itself() {
        let entries = [("b", "2"), ("a", "1")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let kept = Kept(entries.into_iter().collect());
        let bytes = postcard::to_allocvec(&kept).unwrap();
        assert_eq!(postcard::from_bytes::<Kept>(&bytes).unwrap(), kept);
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(
            (text.as_str(), serde_json::from_str(&text).unwrap()),
            (r#"{"a":"1","b":"2"}"#, kept)
        );
    }

    /// A number as `postcard` writes it.
    const MANY: [u8; 9] = [0xff; 9];

    #[test]
    fn no_room_is_made_for_entries_that_do_not_come() {
        let bytes = [&MANY[..], &[1, 1, b'a', 1, b'b']].concat();
        assert!(postcard::from_bytes::<Kept>(&bytes).is_err());
        // Whichever table of a record it is that announces them.
        let record = postcard::to_allocvec(&Record::default()).unwrap();
        for at in 0..record.len() {
            let bytes = [&record[..at], &MANY, &[1], &record[at + 1..]].concat();
            let _ = postcard::from_bytes::<Record>(&bytes);
        }
    }
}
