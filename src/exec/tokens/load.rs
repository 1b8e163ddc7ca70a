//! How many of the machine's processes want a core just now, and how many there may be before another job begins.

/// A limit.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    most: usize,
    running: fn() -> usize,
}

impl Load {
    /// No job begins while more than so many processes run, of all that there are on this machine.
    pub fn at_most(most: usize) -> Self {
        Self { most, running }
    }

    #[cfg(test)]
    pub(super) fn told_by(most: usize, running: fn() -> usize) -> Self {
        Self { most, running }
    }

    pub(super) fn is_exceeded(self) -> bool {
        (self.running)() > self.most
    }
}

/// Those that run or could, without this one. The average of a minute, which is there too, would see the work of one
/// minute begin all at once; so GNU make counts since 4.4.
///
/// Source: proc_loadavg(5), the fourth field.
fn running() -> usize {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    parse(&text).unwrap_or(0).saturating_sub(1)
}

fn parse(text: &str) -> Option<usize> {
    text.split(' ').nth(3)?.split_once('/')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_the_fourth_field() {
        assert_eq!(parse("0.20 0.18 0.12 3/807 2243\n"), Some(3));
        assert_eq!((parse(""), parse("1 2 3 x/1 2"), parse("1 2 3 4")), (None, None, None));
        assert!(parse(&std::fs::read_to_string("/proc/loadavg").unwrap()) >= Some(1));
    }
}
