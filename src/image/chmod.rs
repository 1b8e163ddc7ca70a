//! What `--chmod` says: a mode as a number, or as `chmod` takes it in letters.
//!
//! Source: <https://docs.docker.com/reference/dockerfile/#copy---chown---chmod> and `man 1 chmod`.

use super::Left;

/// A new mode, or a change of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chmod {
    /// All bits.
    Set(u32),
    /// One after another.
    Change(Vec<Clause>),
}

/// `WHO OPERATOR BITS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    /// Bits of the classes that are meant, three for each.
    who: u32,
    operator: char,
    letters: String,
}

/// All permission bits with setuid, setgid and the sticky bit.
const ALL: u32 = 0o7777;

impl Chmod {
    /// Reads the value of the flag.
    pub(crate) fn parse(text: &str) -> Result<Self, Left> {
        let wrong = || Left::refused(format!("`--chmod={text}` is no mode"));
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= ALL);
            return mode.map(Self::Set).ok_or_else(wrong);
        }
        let mut clauses = vec![];
        for part in text.split(',') {
            clauses.extend(clauses_of(part).ok_or_else(wrong)?);
        }
        Ok(Self::Change(clauses))
    }

    /// The mode of something that had another one.
    pub(crate) fn of(&self, mode: u32, is_folder: bool) -> u32 {
        match self {
            Self::Set(mode) => *mode,
            Self::Change(clauses) => {
                clauses.iter().fold(mode, |mode, clause| clause.of(mode, is_folder))
            }
        }
    }
}

/// `u+rwX`, `go=r`, `u+x-s`; without a class all are meant.
fn clauses_of(part: &str) -> Option<Vec<Clause>> {
    let operator = |c: char| "+-=".contains(c);
    let (classes, mut rest) = part.split_at(part.find(operator)?);
    let bits = |class: char| match class {
        'u' => Some(0o4700),
        'g' => Some(0o2070),
        'o' => Some(0o1007),
        'a' => Some(ALL),
        _ => None,
    };
    let named = classes.chars().try_fold(0, |all, class| Some(all | bits(class)?))?;
    let who = if named == 0 { ALL } else { named };
    let mut clauses = vec![];
    while let Some(sign) = rest.chars().next() {
        let after = &rest[1..];
        let end = after.find(operator).unwrap_or(after.len());
        let letters = after[..end].to_owned();
        let copies = ["u", "g", "o"].contains(&letters.as_str());
        if !copies && !letters.chars().all(|c| "rwxXst".contains(c)) {
            return None;
        }
        clauses.push(Clause { who, operator: sign, letters });
        rest = &after[end..];
    }
    Some(clauses)
}

impl Clause {
    fn of(&self, mode: u32, is_folder: bool) -> u32 {
        let bits = self.letters.chars().fold(0, |all, c| all | letter(c, mode, is_folder));
        let bits = bits & self.who;
        match self.operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => mode & !self.who | bits,
        }
    }
}

/// The bits of one letter, for all classes.
fn letter(letter: char, mode: u32, is_folder: bool) -> u32 {
    let every = |bits: u32| (bits & 7) * 0o111;
    match letter {
        'r' => 0o444,
        'w' => 0o222,
        'x' => 0o111,
        'X' if is_folder || mode & 0o111 != 0 => 0o111,
        's' => 0o6000,
        't' => 0o1000,
        'u' => every(mode >> 6),
        'g' => every(mode >> 3),
        'o' => every(mode),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_chmod_reads_them() {
        // As GNU `chmod` does with a umask of 0: flag, mode before, file's and folder's after.
        let table = [
            ("755", 0o600, 0o755, 0o755),
            ("0644", 0o777, 0o644, 0o644),
            ("4711", 0o600, 0o4711, 0o4711),
            ("u=rwX,go=rX", 0o600, 0o644, 0o755),
            ("u=rwX,go=rX", 0o700, 0o755, 0o755),
            ("a+x", 0o644, 0o755, 0o755),
            ("+x", 0o644, 0o755, 0o755),
            ("go-rwx", 0o755, 0o700, 0o700),
            ("g=u,o=", 0o741, 0o770, 0o770),
            ("u+s,g-w", 0o775, 0o4755, 0o4755),
            ("u+x-w", 0o600, 0o500, 0o500),
            ("+t", 0o777, 0o1777, 0o1777),
            ("=r", 0o4777, 0o444, 0o444),
        ];
        for (flag, before, file, folder) in table {
            let chmod = Chmod::parse(flag).unwrap();
            assert_eq!(chmod.of(before, false), file, "{flag}");
            assert_eq!(chmod.of(before, true), folder, "{flag}");
        }
        for wrong in ["", "8", "99", "10000", "u", "x+r", "u+q", "u+ug", "u=r,", "0o7"] {
            assert!(Chmod::parse(wrong).is_err(), "{wrong}");
        }
    }
}
