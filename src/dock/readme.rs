//! What a dock's `README.md` says in short: what the image is, and how it is run.
//!
//! Knows as much of Markdown as that takes: titles, paragraphs, blocks of code between fences.

/// The short form of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readme {
    /// The first paragraph, in one line; empty if there is none.
    pub what: String,
    /// The first block of code that runs something with Docker, Podman or `bb`.
    pub run: Option<String>,
}

/// What begins a line that runs an image.
const RUNS: [&str; 3] = ["docker run ", "podman run ", "bb run "];

impl Readme {
    /// What the image is, without the marks of links and code.
    pub fn plain(&self) -> String {
        self.with_links(|_| false).replace('`', "")
    }

    /// What the image is, for a text at another place: what leads to a file near the dock is text only.
    pub fn elsewhere(&self) -> String {
        self.with_links(|to| to.contains("://"))
    }

    fn with_links(&self, is_kept: impl Fn(&str) -> bool) -> String {
        let mut told = String::new();
        let mut rest = self.what.as_str();
        // Each round takes all up to the text of a link, that text, and where it leads.
        while let Some((before, after)) = rest.split_once('[') {
            let link = after.split_once("](");
            let link = link.and_then(|(text, to)| Some((text, to.split_once(')')?)));
            let Some((text, (to, after))) = link else { break };
            told += before;
            told += &if is_kept(to) { format!("[{text}]({to})") } else { text.to_owned() };
            rest = after;
        }
        told + rest
    }

    /// Reads a text.
    pub fn of(text: &str) -> Self {
        let run = blocks(text).into_iter().find(|block| block.lines().any(runs));
        Self { what: first_paragraph(text), run }
    }
}

fn runs(line: &str) -> bool {
    RUNS.iter().any(|begin| line.trim_start().starts_with(begin))
}

fn first_paragraph(text: &str) -> String {
    let is_text = |line: &&str| !line.trim().is_empty();
    let lines = text.lines().skip_while(|line| line.starts_with('#') || line.trim().is_empty());
    let paragraph = lines.take_while(is_text).map(str::trim).collect::<Vec<_>>();
    let begins_otherwise = |line: &&str| line.starts_with("```") || line.starts_with('|');
    if paragraph.first().is_some_and(begins_otherwise) {
        return String::new();
    }
    paragraph.join(" ")
}

/// What is between fences.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![];
    let mut open = None::<String>;
    for line in text.lines() {
        match &mut open {
            _ if line.trim_start().starts_with("```") => match open.take() {
                Some(block) => blocks.push(block),
                None => open = Some(String::new()),
            },
            Some(block) => *block += &format!("{line}\n"),
            None => {}
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_its_first_paragraph_and_the_first_block_that_runs_something() {
        let text = "# web\n\nA server\nfor pages.\n\nMore.\n\n```\nFROM x\n```\n\n```sh\n\
                    docker run web\ncurl localhost\n```\n\n```sh\ndocker run other\n```\n";
        let expected = Readme {
            what: "A server for pages.".to_owned(),
            run: Some("docker run web\ncurl localhost\n".to_owned()),
        };
        assert_eq!(Readme::of(text), expected);
    }

    #[test]
    fn marks_are_taken_away_where_they_are_whole() {
        let plain = |what: &str| Readme { what: what.to_owned(), run: None }.plain();
        assert_eq!(plain("a [b c](https://x/(y)) and `d`"), "a b c) and d");
        assert_eq!(plain("a [b](c) [d](e), f"), "a b d, f");
        assert_eq!(plain("a [b] c](d) [e"), "a b] c [e");
        assert_eq!(plain("a [b"), "a [b");
    }

    #[test]
    fn links_that_lead_elsewhere_stay() {
        let what = "[a](../a/README.md) and [b](https://b.example/) on `c` [d".to_owned();
        let readme = Readme { what, run: None };
        assert_eq!(readme.elsewhere(), "a and [b](https://b.example/) on `c` [d");
        assert_eq!(readme.plain(), "a and b on c [d");
    }

    #[test]
    fn what_is_not_there_is_not_made_up() {
        for text in ["", "# web\n", "# web\n\n| a | b |\n|---|---|\n", "# web\n```\nopen for ever"]
        {
            assert_eq!(Readme::of(text), Readme::default(), "{text:?}");
        }
    }
}
