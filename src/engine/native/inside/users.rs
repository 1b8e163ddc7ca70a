//! Who a command runs as: names and numbers by the box's own tables, as Docker reads them.
//!
//! The tables are a stranger's: read up to a limit, and only if they are files. The rest is texts and values.

use rustix::fs::{Mode, OFlags, fstat, open};
use std::fs::File;
use std::io::Read;

use super::super::wire::Failure;
use super::Result;
use crate::base::limits::Limit;

/// Somebody in a box.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: Vec<u32>,
    pub(super) home: String,
}

/// Looks somebody up in the root that this process has.
pub(super) fn look_up(asked: &str) -> Result<Account> {
    account(asked, &table("/etc/passwd"), &table("/etc/group"))
}

/// A table's text; empty if it is none.
fn table(path: &str) -> String {
    // A pipe in its place must not keep us.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let Ok(file) = open(path, flags, Mode::empty()) else { return String::new() };
    let is_file =
        fstat(&file).is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file());
    let mut text = vec![];
    if is_file {
        // What cannot be read has no accounts.
        let _ = File::from(file).take(Limit::FileSize.fixed()).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// `NAME` or `ID`, with `:NAME` or `:ID` of a group.
fn account(asked: &str, passwd: &str, group: &str) -> Result<Account> {
    let (user, own_group) = match asked.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (asked, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let mut account = of_user(user, passwd, group)?;
    if let Some(own_group) = own_group {
        account.gid = number(&rows(group), own_group)
            .ok_or_else(|| unknown("group", own_group, "/etc/group"))?;
        account.groups.clear();
    }
    // Who is in a group by name only could lose its rights by giving it up: Docker has it twice as well.
    if !account.groups.contains(&account.gid) {
        account.groups.insert(0, account.gid);
    }
    Ok(account)
}

fn of_user(user: &str, passwd: &str, group: &str) -> Result<Account> {
    let rows = rows(passwd);
    let uid = user.parse::<u32>().ok();
    let named = rows.iter().find(|row| row.first() == Some(&user));
    let numbered = || rows.iter().find(|row| uid.is_some() && at(row, 2) == uid);
    let Some(row) = named.or_else(numbered) else {
        let uid = uid.ok_or_else(|| unknown("user", user, "/etc/passwd"))?;
        return Ok(Account { uid, gid: 0, groups: vec![], home: "/".into() });
    };
    let name = row.first().copied().unwrap_or_default();
    let uid = at(row, 2).ok_or_else(|| unknown("user", user, "/etc/passwd"))?;
    let home = row.get(5).filter(|home| home.starts_with('/')).copied().unwrap_or("/");
    let groups = groups_of(name, group);
    Ok(Account { uid, gid: at(row, 3).unwrap_or(0), groups, home: home.to_owned() })
}

fn groups_of(name: &str, group: &str) -> Vec<u32> {
    let member = |row: &&Vec<&str>| row.get(3).is_some_and(|all| all.split(',').any(|m| m == name));
    rows(group).iter().filter(member).filter_map(|row| at(row, 2)).collect()
}

/// A group's number, by name first.
fn number(rows: &[Vec<&str>], asked: &str) -> Option<u32> {
    let named = rows.iter().find(|row| row.first() == Some(&asked));
    named.and_then(|row| at(row, 2)).or_else(|| asked.parse().ok())
}

fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(|line| line.split(':').collect()).collect()
}

fn at(row: &[&str], column: usize) -> Option<u32> {
    row.get(column)?.parse().ok()
}

fn unknown(kind: &str, name: &str, table: &str) -> Failure {
    let message = format!("the box has no {kind} `{name}`");
    Failure::of_step(message).hint(format!("name one of the image's `{table}`, or a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102::/srv:/bin/sh\nbad:x:z:1::/:\n";
    const GROUP: &str = "root:x:0:\nweb:x:102:\ntty:x:5:ann,web\nlog:x:7:web\n";

    fn find(asked: &str) -> Result<Account, String> {
        account(asked, PASSWD, GROUP).map_err(|failure| failure.message)
    }

    fn is(uid: u32, gid: u32, groups: &[u32], home: &str) -> Account {
        Account { uid, gid, groups: groups.to_vec(), home: home.into() }
    }

    #[test]
    fn names_and_numbers_are_looked_up_in_the_boxs_tables() {
        assert_eq!(find("").unwrap(), is(0, 0, &[0], "/root"));
        assert_eq!(find("web").unwrap(), is(101, 102, &[102, 5, 7], "/srv"));
        assert_eq!(find("101").unwrap(), is(101, 102, &[102, 5, 7], "/srv"));
        assert_eq!(find("web:tty").unwrap(), is(101, 5, &[5], "/srv"));
        assert_eq!(find("web:9").unwrap(), is(101, 9, &[9], "/srv"));
        assert_eq!(find("4000").unwrap(), is(4000, 0, &[0], "/"));
        assert_eq!(find("4000:web").unwrap(), is(4000, 102, &[102], "/"));
    }

    #[test]
    fn nobody_is_made_up() {
        assert_eq!(find("eve").unwrap_err(), "the box has no user `eve`");
        assert_eq!(find("bad").unwrap_err(), "the box has no user `bad`");
        assert_eq!(find("web:eve").unwrap_err(), "the box has no group `eve`");
        assert_eq!(find("-1").unwrap_err(), "the box has no user `-1`");
    }
}
