//! What the fuzz targets hold against the library's parsers.

pub mod checks;
pub mod parsers;
