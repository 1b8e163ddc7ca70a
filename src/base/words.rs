//! Numbers in words, and other people's words so that they do no harm.

use std::borrow::Cow;

/// ```
/// use gentoo_bb::base::words::counted;
/// assert_eq!([counted(1, "layer"), counted(2, "layer")], ["1 layer", "2 layers"]);
/// assert_eq!(counted(2, "process"), "2 processes");
/// ```
pub fn counted(count: usize, what: &str) -> String {
    let many = if what.ends_with('s') { "es" } else { "s" };
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}{many}") }
}

/// The text, with its end cut off where it has more characters: for terminals only.
///
/// ```
/// use gentoo_bb::base::words::cut;
/// assert_eq!((cut("ééééé", 4), cut("éééé", 4)), ("é...".to_owned(), "éééé".to_owned()));
/// ```
pub fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some(_) => text.chars().take(characters.saturating_sub(3)).chain("...".chars()).collect(),
    }
}

/// Whether a character could steer a terminal, end a line, or show a text as another one: controls, what turns
/// the direction of writing, what has no shape of its own.
///
/// Source: Unicode 16, general categories Cc, Cf, Zl and Zp, and the default ignorable code points (DerivedCoreProperties.txt).
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text on one line, with what is hostile as `\u{1b}`, `\n` and the like. What names, logs and servers say
/// goes through here where it is rendered, and nowhere else.
///
/// ```
/// use gentoo_bb::base::words::visible;
/// assert_eq!(visible("é \u{1b}[2J\n::error::\u{202e}"), "é \\u{1b}[2J\\n::error::\\u{202e}");
/// ```
pub fn visible(text: &str) -> Cow<'_, str> {
    visible_but(text, "")
}

/// The same, with some characters as they are.
pub fn visible_but<'a>(text: &'a str, kept: &str) -> Cow<'a, str> {
    let escaped = |c: char| is_hostile(c) && !kept.contains(c);
    if !text.contains(escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if escaped(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// JSON with what is hostile in its strings as `\uXXXX`: the same value. The line ends of the text stay.
///
/// ```
/// assert_eq!(gentoo_bb::base::words::plain_json("[\"\u{7f}é\u{e0001}\"]\n"), "[\"\\u007fé\\udb40\\udc01\"]\n");
/// ```
pub fn plain_json(text: &str) -> Cow<'_, str> {
    let escaped = |c: char| is_hostile(c) && c != '\n';
    if !text.contains(escaped) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if escaped(c) {
            let mut units = [0; 2];
            plain.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            plain.push(c);
        }
    }
    Cow::Owned(plain)
}

/// Lines for people on their way out: what may still be hostile in them is shown, but for line ends, tabs and
/// the colours that `bb` gives them.
pub fn safe_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_hostile(c) && c != '\n' && c != '\t') {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, after) = rest.split_at(at);
        safe.push_str(&visible_but(before, "\n\t"));
        let length = colour(after).unwrap_or(0);
        safe.push_str(&after[..length]);
        if length == 0 {
            safe.push_str("\\u{1b}");
        }
        rest = &after[length.max(1)..];
    }
    safe.push_str(&visible_but(rest, "\n\t"));
    Cow::Owned(safe)
}

/// The length of the sequence for a colour that a text begins with: `ESC [ 1;31 m`.
fn colour(text: &str) -> Option<usize> {
    let codes = text.strip_prefix("\u{1b}[")?;
    let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    codes[end..].starts_with('m').then_some(end + 3)
}

/// `4.56 MB`, as `docker images` counts.
pub fn megabytes(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mb = bytes as f64 / 1e6;
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{mb:.2} MB"),
        _ => format!("{mb:.1} MB"),
    }
}

/// `did you mean …?`, or the list of what there is.
pub fn suggestion(name: &str, known: &[String]) -> String {
    let near = known.iter().map(|k| (strsim::osa_distance(name, k), k)).min();
    match near {
        Some((distance, k)) if distance <= 1 + name.len() / 3 => format!("did you mean `{k}`?"),
        Some(_) if known.len() <= 20 => format!("there are: {}", known.join(", ")),
        Some(_) => "`bb status` lists what there is".to_owned(),
        None => "there are no images yet: a folder in `bb-dock/` is one".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_pass_on_the_way_out() {
        for (text, safe) in [
            ("plain é\n\tx", "plain é\n\tx"),
            ("\u{1b}[1;31merror:\u{1b}[0m x\n", "\u{1b}[1;31merror:\u{1b}[0m x\n"),
            ("\u{1b}]52;c;eA==\u{7}", "\\u{1b}]52;c;eA==\\u{7}"),
            ("\u{1b}[2J\u{1b}\u{1b}[", "\\u{1b}[2J\\u{1b}\\u{1b}["),
            ("a\rb\u{9b}31m\u{202e}\u{200b}", "a\\rb\\u{9b}31m\\u{202e}\\u{200b}"),
        ] {
            assert_eq!(safe_lines(text), safe);
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        let all = (0..0x1_1000).chain(0xe_0000..0xe_0080).filter_map(char::from_u32);
        let text = all.collect::<String>();
        let json = serde_json::to_string(&text).unwrap();
        let plain = plain_json(&json);
        assert!(!plain.contains(is_hostile));
        assert_eq!(serde_json::from_str::<String>(&plain).unwrap(), text);
    }
}
