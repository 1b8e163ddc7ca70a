//! What each byte of a bash script is part of: code, a nested command, text in which variables are replaced, text as it
//! is, a comment. And the script with all that is no code blanked, so that a place in one text is the same place in the
//! other.
//!
//! Follows quotes, here-documents, comments and brackets, as far as is needed to know where they end.
//! Source: bash(1), «Quoting», «Here Documents», «Comments».

/// Something that has begun and has an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// `'…'`
    Single,
    /// `$'…'`
    Escaped,
    /// `"…"`
    Double,
    /// `` `…` ``
    Back,
    /// `${…}`
    Brace,
    /// `$(…)`, `(…)`
    Bracket,
    /// `((…))`, in which `<<` shifts.
    Sum,
}

/// What a byte is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dock) enum Kind {
    /// A command of the script itself.
    Code,
    /// A command in `$(…)`, `` `…` `` or `(…)`.
    Nested,
    /// `"…"`, `${…}`, `$((…))`, a here-document: variables are replaced.
    Text,
    /// `'…'`, `$'…'`, a here-document whose end is quoted.
    Literal,
    /// `# …`
    Comment,
}

/// A here-document whose text is still to come.
struct Here {
    end: String,
    tabs: bool,
    quoted: bool,
}

impl Open {
    fn kind(self) -> Kind {
        match self {
            Self::Single | Self::Escaped => Kind::Literal,
            Self::Double | Self::Brace | Self::Sum => Kind::Text,
            Self::Back | Self::Bracket => Kind::Nested,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open>,
    here: Vec<Here>,
    kinds: Vec<Kind>,
}

/// The kind of each byte; nothing where the script does not end as it should, for then nothing is sure.
pub(in crate::dock) fn kinds(text: &str) -> Option<Vec<Kind>> {
    let mut reader = Reader { text, at: 0, open: vec![], here: vec![], kinds: vec![] };
    while reader.at < text.len() {
        reader.step();
    }
    (reader.open.is_empty() && reader.here.is_empty()).then_some(reader.kinds)
}

/// The script with all that is no code blanked; nothing but line feeds where it does not end as it should.
pub(super) fn code(text: &str) -> String {
    let Some(kinds) = kinds(text) else {
        let blank = |c: char| if c == '\n' { c.to_string() } else { " ".repeat(c.len_utf8()) };
        return text.chars().map(blank).collect();
    };
    let shown = |(byte, kind): (u8, Kind)| match kind {
        _ if byte == b'\n' => byte,
        Kind::Code => byte,
        Kind::Comment => b' ',
        // What is quoted is a word all the same.
        Kind::Nested | Kind::Text | Kind::Literal => b'\x01',
    };
    String::from_utf8(text.bytes().zip(kinds).map(shown).collect()).unwrap_or_default()
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// What the innermost of what is open makes of a byte.
    fn kind(&self) -> Kind {
        self.open.last().map_or(Kind::Code, |open| open.kind())
    }

    /// The next bytes, of one kind.
    fn take(&mut self, bytes: usize, kind: Kind) {
        let end = (self.at + bytes).min(self.text.len());
        self.kinds.resize(end, kind);
        self.at = end;
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        let (length, top) = (first.len_utf8(), self.open.last().copied());
        match top {
            Some(Open::Single) => self.until(first == '\'', 1),
            Some(
                Open::Escaped | Open::Double | Open::Back | Open::Brace | Open::Bracket | Open::Sum,
            )
            | None
                if first == '\\' =>
            {
                let next = rest[length..].chars().next().map_or(0, char::len_utf8);
                self.take(length + next, self.kind());
            }
            Some(Open::Escaped) => self.until(first == '\'', length),
            Some(Open::Double) if first == '"' => self.until(true, length),
            Some(Open::Back) if first == '`' => self.until(true, length),
            Some(Open::Brace) if first == '}' => self.until(true, length),
            Some(Open::Bracket) if first == ')' => self.until(true, length),
            Some(Open::Sum) if rest.starts_with("))") => self.until(true, 2),
            _ => self.inside(first, top),
        }
    }

    /// Ends what is open, or goes on in it.
    fn until(&mut self, end: bool, bytes: usize) {
        let length = self.rest().chars().next().map_or(bytes, |c| c.len_utf8().max(bytes));
        self.take(length, self.kind());
        if end {
            self.open.pop();
        }
    }

    fn inside(&mut self, first: char, top: Option<Open>) {
        let quoted = top == Some(Open::Double);
        let rest = self.rest();
        let begun = match first {
            '"' if !quoted => Some((Open::Double, 1)),
            '`' => Some((Open::Back, 1)),
            '$' if rest.starts_with("$((") => Some((Open::Sum, 3)),
            '$' if rest.starts_with("$(") => Some((Open::Bracket, 2)),
            '$' if rest.starts_with("${") => Some((Open::Brace, 2)),
            '$' if rest.starts_with("$'") && !quoted => Some((Open::Escaped, 2)),
            '\'' if !quoted && !self.is_quoted_default() => Some((Open::Single, 1)),
            '(' if quoted || top == Some(Open::Brace) => None,
            '(' if rest.starts_with("((") => Some((Open::Sum, 2)),
            '(' if is_definition(rest) => None,
            '(' => Some((Open::Bracket, 1)),
            _ => None,
        };
        if let Some((open, bytes)) = begun {
            self.take(bytes, open.kind());
            self.open.push(open);
        } else {
            self.plain(first, matches!(top, None | Some(Open::Bracket | Open::Back)));
        }
    }

    /// `"${A:-it's}"`: quotes of one stroke are none there.
    fn is_quoted_default(&self) -> bool {
        self.open.ends_with(&[Open::Double, Open::Brace])
    }

    /// Neither begins nor ends anything with brackets or quotes.
    fn plain(&mut self, first: char, command: bool) {
        let (kind, rest) = (self.kind(), self.rest());
        if first == '\n' && !self.here.is_empty() {
            self.here_documents();
        } else if first == '#' && command && self.is_word_start() {
            let length = rest.find('\n').unwrap_or(rest.len());
            self.take(length, Kind::Comment);
        } else if command && rest.starts_with("<<<") {
            self.take(3, kind);
        } else if command && rest.starts_with("<<") {
            self.here_document(kind);
        } else {
            self.take(first.len_utf8(), kind);
        }
    }

    fn is_word_start(&self) -> bool {
        let before = self.text[..self.at].chars().next_back();
        before.is_none_or(|c| c.is_ascii_whitespace() || ";&|()".contains(c))
    }

    /// `<<WORD`, `<<-WORD`, `<<"WORD"`.
    fn here_document(&mut self, kind: Kind) {
        let rest = &self.rest()[2..];
        let tabs = rest.starts_with('-');
        let word = rest.trim_start_matches('-').trim_start_matches([' ', '\t']);
        let skipped = rest.len() - word.len();
        let length =
            word.find(|c: char| c.is_ascii_whitespace() && c != '\r' || ";&|<>()".contains(c));
        let word = &word[..length.unwrap_or(word.len())];
        let end = word.replace(['\'', '"', '\\'], "");
        let (bytes, quoted) = (2 + skipped + word.len(), end != word);
        self.take(bytes, kind);
        self.here.push(Here { end, tabs, quoted });
    }

    /// The line feed, and the texts that begin after it.
    fn here_documents(&mut self) {
        self.take(1, self.kind());
        for Here { end, tabs, quoted } in std::mem::take(&mut self.here) {
            let mut ended = false;
            while !ended && self.at < self.text.len() {
                let line = self.rest().split_inclusive('\n').next().unwrap_or_default();
                let plain = line.strip_suffix('\n').unwrap_or(line);
                ended = if tabs { plain.trim_start_matches('\t') == end } else { plain == end };
                let length = line.len();
                self.take(length, if quoted { Kind::Literal } else { Kind::Text });
            }
            if !ended {
                self.here.push(Here { end, tabs, quoted });
            }
        }
    }
}

/// `()`, as after a function's name.
fn is_definition(rest: &str) -> bool {
    rest[1..].trim_start_matches([' ', '\t']).starts_with(')')
}
