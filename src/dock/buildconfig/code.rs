//! What of a bash script is code: everything else becomes blank, so that a place in one text is the same place
//! in the other.
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

/// A here-document whose text is still to come.
struct Here {
    end: String,
    tabs: bool,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open>,
    here: Vec<Here>,
    code: Vec<u8>,
}

/// The script with all that is no code blanked; nothing but line feeds where it does not end as it should.
pub(super) fn code(text: &str) -> String {
    let code = vec![];
    let mut reader = Reader { text, at: 0, open: vec![], here: vec![], code };
    while reader.at < text.len() {
        reader.step();
    }
    let blank = |c: char| if c == '\n' { c.to_string() } else { " ".repeat(c.len_utf8()) };
    if !reader.open.is_empty() || !reader.here.is_empty() {
        return text.chars().map(blank).collect();
    }
    String::from_utf8(reader.code).unwrap_or_default()
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// The next bytes, as code or blanked. What is quoted is a word all the same.
    fn take(&mut self, bytes: usize, as_code: bool) {
        let end = (self.at + bytes).min(self.text.len());
        for byte in self.text[self.at..end].bytes() {
            self.code.push(if as_code || byte == b'\n' { byte } else { b'\x01' });
        }
        self.at = end;
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        let (length, top) = (first.len_utf8(), self.open.last().copied());
        let as_code = self.open.is_empty();
        match top {
            Some(Open::Single) => self.until(first == '\'', 1),
            Some(
                Open::Escaped | Open::Double | Open::Back | Open::Brace | Open::Bracket | Open::Sum,
            )
            | None
                if first == '\\' =>
            {
                let next = rest[length..].chars().next().map_or(0, char::len_utf8);
                self.take(length + next, as_code);
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
        self.take(length, false);
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
            self.take(bytes, false);
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
        let (as_code, rest) = (self.open.is_empty(), self.rest());
        if first == '\n' && !self.here.is_empty() {
            self.here_documents();
        } else if first == '#' && command && self.is_word_start() {
            let length = rest.find('\n').unwrap_or(rest.len());
            self.code.extend(std::iter::repeat_n(b' ', length));
            self.at += length;
        } else if command && rest.starts_with("<<<") {
            self.take(3, as_code);
        } else if command && rest.starts_with("<<") {
            self.here_document(as_code);
        } else {
            self.take(first.len_utf8(), as_code);
        }
    }

    fn is_word_start(&self) -> bool {
        let before = self.text[..self.at].chars().next_back();
        before.is_none_or(|c| c.is_ascii_whitespace() || ";&|()".contains(c))
    }

    /// `<<WORD`, `<<-WORD`, `<<"WORD"`.
    fn here_document(&mut self, as_code: bool) {
        let rest = &self.rest()[2..];
        let tabs = rest.starts_with('-');
        let word = rest.trim_start_matches('-').trim_start_matches([' ', '\t']);
        let skipped = rest.len() - word.len();
        let length =
            word.find(|c: char| c.is_ascii_whitespace() && c != '\r' || ";&|<>()".contains(c));
        let word = &word[..length.unwrap_or(word.len())];
        let end = word.replace(['\'', '"', '\\'], "");
        let bytes = 2 + skipped + word.len();
        self.take(bytes, as_code);
        self.here.push(Here { end, tabs });
    }

    /// The line feed, and the texts that begin after it.
    fn here_documents(&mut self) {
        self.take(1, true);
        for Here { end, tabs } in std::mem::take(&mut self.here) {
            let mut ended = false;
            while !ended && self.at < self.text.len() {
                let line = self.rest().split_inclusive('\n').next().unwrap_or_default();
                let plain = line.strip_suffix('\n').unwrap_or(line);
                ended = if tabs { plain.trim_start_matches('\t') == end } else { plain == end };
                let length = line.len();
                self.take(length, false);
            }
            if !ended {
                self.here.push(Here { end, tabs });
            }
        }
    }
}

/// `()`, as after a function's name.
fn is_definition(rest: &str) -> bool {
    rest[1..].trim_start_matches([' ', '\t']).starts_with(')')
}
