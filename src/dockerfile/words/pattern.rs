//! The patterns of `${NAME#…}`, `${NAME%…}` and `${NAME/…/…}`: `*`, `?` and characters.
//!
//! Knows no variables. As in the shell, but without `[…]`, and neither `*` nor `?` is a line's end; which
//! match counts is what BuildKit's translation into a regular expression finds.

/// A compiled pattern.
pub(super) struct Pattern {
    tokens: Vec<Token>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Many,
}

impl Pattern {
    /// Compiles a pattern; nothing if a `\` stands before anything but `*`, `?`, `\`, `}` and `/`.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let (mut tokens, mut chars) = (vec![], text.chars());
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '*' => Token::Many,
                '?' => Token::One,
                '\\' => Token::Char(chars.next().filter(|c| "*?\\}/".contains(*c))?),
                c => Token::Char(c),
            });
        }
        Some(Self { tokens })
    }

    /// The text without what the pattern matches at its beginning: as much as it can, or as little.
    pub(crate) fn without_prefix(&self, text: &str, longest: bool) -> String {
        let text = text.chars().collect::<Vec<_>>();
        text[end(&self.tokens, &text, longest).unwrap_or(0)..].iter().collect()
    }

    /// The same at the end.
    pub(crate) fn without_suffix(&self, text: &str, longest: bool) -> String {
        let tokens = self.tokens.iter().rev().copied().collect::<Vec<_>>();
        let mut rest = text.chars().rev().collect::<Vec<_>>();
        rest.drain(..end(&tokens, &rest, longest).unwrap_or(0));
        rest.into_iter().rev().collect()
    }

    /// The text with the first match replaced, or all of them.
    pub(crate) fn replaced(&self, text: &str, with: &str, all: bool) -> String {
        let text = text.chars().collect::<Vec<_>>();
        let (mut out, mut at, mut last) = (String::new(), 0, None);
        while at <= text.len() {
            // An empty match right after another one is none.
            let found = end(&self.tokens, &text[at..], true).map(|length| at + length);
            if let Some(end) = found.filter(|end| *end > at || last != Some(at)) {
                out.push_str(with);
                last = Some(end);
                if !all {
                    out.extend(&text[end..]);
                    return out;
                }
                if end > at {
                    at = end;
                    continue;
                }
            }
            out.extend(text.get(at));
            at += 1;
        }
        out
    }
}

/// Where a match that begins at the beginning ends: the longest, or the shortest.
fn end(tokens: &[Token], text: &[char], longest: bool) -> Option<usize> {
    let mut states = vec![false; tokens.len() + 1];
    arrive(tokens, &mut states, 0);
    let mut found = None;
    for at in 0..=text.len() {
        if states[tokens.len()] {
            found = Some(at);
            if !longest {
                return found;
            }
        }
        let Some(c) = text.get(at).filter(|_| states.contains(&true)) else { break };
        let mut next = vec![false; states.len()];
        for (state, token) in tokens.iter().enumerate().filter(|(state, _)| states[*state]) {
            match token {
                Token::Many if *c != '\n' => arrive(tokens, &mut next, state),
                Token::One if *c != '\n' => arrive(tokens, &mut next, state + 1),
                Token::Char(wanted) if wanted == c => arrive(tokens, &mut next, state + 1),
                _ => {}
            }
        }
        states = next;
    }
    found
}

/// Enters a state, and those that follow it without a character.
fn arrive(tokens: &[Token], states: &mut [bool], mut at: usize) {
    states[at] = true;
    while tokens.get(at) == Some(&Token::Many) {
        at += 1;
        states[at] = true;
    }
}
