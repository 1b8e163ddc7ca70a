//! A glance at a mirror: whether it answers and has a file, and what time it is there. Nothing is read.

use std::time::{Duration, SystemTime};

use reqwest::header::{AGE, DATE, HeaderMap};
use reqwest::{Response, StatusCode};

use super::fault::Fault;
use super::{Client, Mirror, mirror, refused, text_of};
use crate::base::time;

/// How one mirror answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was not asked, because of `--offline`.
    Offline,
    /// It has the stage3.
    Has,
    /// It answers, but does not have this file.
    Lacks(String),
    /// It does not answer as it should.
    Failed(String),
}

impl Client {
    /// Looks for `path` under a mirror, and at its clock if it has one.
    pub async fn glance(&self, mirror: &Mirror, path: &str) -> (Answer, Option<SystemTime>) {
        if let Err(error) = mirror::check_path(path) {
            return (Answer::Failed(error.message().to_owned()), None);
        }
        let address = match mirror {
            Mirror::Folder(folder) => {
                let there = tokio::fs::try_exists(folder.join(path)).await;
                return (folder_answer(there, folder.is_dir(), path), None);
            }
            _ if self.offline => return (Answer::Offline, None),
            Mirror::Web(_) | Mirror::Author(_) => mirror.address(path),
        };
        match self.head(mirror, &address).await {
            Ok(response) => {
                let headers = response.headers();
                (web_answer(response.status(), headers, path), clock(headers))
            }
            Err(fault) => (Answer::Failed(fault.reason()), None),
        }
    }

    /// A server that does not know HEAD is asked for the file, which is then not read.
    async fn head(&self, mirror: &Mirror, address: &str) -> Result<Response, Fault> {
        let http = self.client_of(mirror, address).await?;
        let sent = http.head(address).send().await;
        let response = sent.map_err(|cause| Fault::Other(self.reason(&cause)))?;
        if !matches!(
            response.status(),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
        ) {
            return Ok(response);
        }
        http.get(address).send().await.map_err(|cause| Fault::Other(self.reason(&cause)))
    }
}

fn folder_answer(there: std::io::Result<bool>, folder: bool, path: &str) -> Answer {
    match there {
        Ok(true) => Answer::Has,
        Ok(false) if !folder => Answer::Failed("no such folder".to_owned()),
        Ok(false) => Answer::Lacks(path.to_owned()),
        Err(cause) => Answer::Failed(crate::base::error::io_reason(&cause)),
    }
}

fn web_answer(status: StatusCode, headers: &HeaderMap, path: &str) -> Answer {
    match status {
        status if status.is_success() => Answer::Has,
        StatusCode::NOT_FOUND | StatusCode::GONE => Answer::Lacks(path.to_owned()),
        status => Answer::Failed(refused(status, headers)),
    }
}

/// What time it is there: a cache tells how old its answer is.
fn clock(headers: &HeaderMap) -> Option<SystemTime> {
    let date = time::parse_http(&text_of(headers, &DATE)?)?;
    let age = text_of(headers, &AGE).and_then(|age| age.parse::<u32>().ok()).unwrap_or(0);
    date.checked_add(Duration::from_secs(age.into()))
}
