//! Why a step is stale: the one difference, in words and as old and new value.
//!
//! Says what the judge found; finds nothing itself.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::secret::without_secrets;
use crate::base::words::visible;
use crate::fresh::record::{FORMAT, FileType};
use crate::plan::step::Object;

/// The one difference that makes a step stale.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Reason {
    /// Nothing differs: somebody wants it done again.
    Asked,
    Never,
    RecordGone,
    StampGone,
    OtherFormat {
        old: u32,
    },
    FileAdded(PathBuf),
    FileLeft(PathBuf),
    FileGone(PathBuf),
    FileAppeared(PathBuf),
    Content {
        file: PathBuf,
        old: String,
        new: String,
    },
    Mode {
        file: PathBuf,
        old: u32,
        new: u32,
    },
    Link {
        file: PathBuf,
        old: String,
        new: String,
    },
    Type {
        file: PathBuf,
        old: FileType,
        new: FileType,
    },
    Setting {
        name: String,
        old: Option<String>,
        new: Option<String>,
    },
    Upstream {
        product: String,
        old: Option<String>,
        new: Option<String>,
    },
    OutputGone(PathBuf),
    OutputChanged {
        file: PathBuf,
        old: Option<String>,
        new: Option<String>,
    },
    ObjectGone(Object),
    BaseAdded(String),
    BaseLeft(String),
    BaseMoved {
        name: String,
        old: String,
        new: String,
    },
    ObjectChanged {
        object: Object,
        old: Option<String>,
        new: Option<String>,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |p: &PathBuf| visible(&p.display().to_string()).into_owned();
        match self {
            Self::Asked => f.write_str("asked for"),
            Self::Never => f.write_str("never built"),
            Self::RecordGone => f.write_str("its record is gone or damaged"),
            Self::StampGone => f.write_str("it did not finish, or its stamp was removed"),
            Self::OtherFormat { old } => write!(f, "recorded by another version (format {old})"),
            Self::FileAdded(p) | Self::FileAppeared(p) => write!(f, "{} was added", show(p)),
            Self::FileLeft(p) => write!(f, "{} is no longer used", show(p)),
            Self::FileGone(p) => write!(f, "{} was removed", show(p)),
            Self::Content { file, .. } => write!(f, "{} changed", show(file)),
            Self::Mode { file, old, new } => {
                write!(f, "mode of {} changed: {old:04o} -> {new:04o}", show(file))
            }
            Self::Link { file, old, new } => {
                write!(f, "{} points elsewhere: {} -> {}", show(file), visible(old), visible(new))
            }
            Self::Type { file, old, new } => {
                write!(f, "{} is another kind of file: {old:?} -> {new:?}", show(file))
            }
            Self::Setting { name, old, new } => {
                let [old, new] =
                    [old, new].map(|told| value(setting(name, told.as_ref()).as_ref()));
                write!(f, "{} changed: {old} -> {new}", visible(name))
            }
            Self::Upstream { product, .. } => write!(f, "{product} changed"),
            Self::OutputGone(p) => write!(f, "{} is gone", show(p)),
            Self::OutputChanged { file, .. } => write!(f, "{} is not what it left", show(file)),
            Self::ObjectGone(o) => write!(f, "{o} is gone"),
            Self::BaseAdded(name) => write!(f, "it is now built on image `{}`", visible(name)),
            Self::BaseLeft(name) => write!(f, "it is no longer built on image `{}`", visible(name)),
            Self::BaseMoved { name, .. } => write!(f, "image `{}` is another one", visible(name)),
            Self::ObjectChanged { object, .. } => write!(f, "{object} is another one"),
        }
    }
}

/// Sixteen digits of a digest are enough to tell it from another.
pub fn short(value: &str) -> &str {
    let digest = value.len() >= 64 && value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if digest { &value[..16] } else { value }
}

/// What changed, with its old and new value where there are such.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// The file, setting, product, output or object.
    pub what: String,
    /// What was recorded.
    pub old: Option<String>,
    /// What is there now.
    pub new: Option<String>,
}

impl Reason {
    /// The one thing that changed.
    pub fn change(&self) -> Change {
        let path = |p: &Path| p.display().to_string();
        let change =
            |what: String, old: Option<String>, new: Option<String>| Change { what, old, new };
        let (there, gone) = (|| Some("there".to_owned()), || Some("gone".to_owned()));
        match self {
            Self::Asked => change("wish".to_owned(), None, None),
            Self::Never => change("record".to_owned(), None, None),
            Self::RecordGone => change("record".to_owned(), there(), gone()),
            Self::StampGone => change("stamp".to_owned(), there(), gone()),
            Self::OtherFormat { old } => {
                change("format".to_owned(), Some(old.to_string()), Some(FORMAT.to_string()))
            }
            Self::FileAdded(p) | Self::FileAppeared(p) => change(path(p), gone(), there()),
            Self::FileLeft(p) | Self::FileGone(p) | Self::OutputGone(p) => {
                change(path(p), there(), gone())
            }
            Self::OutputChanged { file, old, new } => change(path(file), old.clone(), new.clone()),
            Self::Content { file, old, new } | Self::Link { file, old, new } => {
                change(path(file), Some(old.clone()), Some(new.clone()))
            }
            Self::Mode { file, old, new } => {
                change(path(file), Some(format!("{old:04o}")), Some(format!("{new:04o}")))
            }
            Self::Type { file, old, new } => {
                change(path(file), Some(format!("{old:?}")), Some(format!("{new:?}")))
            }
            Self::Setting { name, old, new } => {
                change(name.clone(), setting(name, old.as_ref()), setting(name, new.as_ref()))
            }
            Self::Upstream { product, old, new } => {
                change(product.clone(), old.clone(), new.clone())
            }
            Self::ObjectGone(o) => change(o.to_string(), there(), gone()),
            Self::BaseAdded(name) => change(image(name), gone(), there()),
            Self::BaseLeft(name) => change(image(name), there(), gone()),
            Self::BaseMoved { name, old, new } => {
                change(image(name), Some(old.clone()), Some(new.clone()))
            }
            Self::ObjectChanged { object, old, new } => {
                change(object.to_string(), old.clone(), new.clone())
            }
        }
    }
}

/// An image from elsewhere as an object is told.
fn image(name: &str) -> String {
    Object::Image(name.to_owned()).to_string()
}

/// A setting's value as it may be told. Records of before had the environment of tasks as it is.
fn setting(name: &str, value: Option<&String>) -> Option<String> {
    let secret = |text: &str| name.starts_with("env.") && !text.starts_with("sha256:");
    value.map(|text| if secret(text) { "***".to_owned() } else { without_secrets(text) })
}

fn value(value: Option<&String>) -> String {
    match value {
        Some(text) if text.is_empty() => "(empty)".to_owned(),
        Some(text) => format!("`{}`", visible(short(text))),
        None => "(unset)".to_owned(),
    }
}
