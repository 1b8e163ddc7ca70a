//! A headless Chromium, driven through its DevTools protocol over two pipes: real clicks, real keys, and
//! every request that a page makes.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// One page in a browser with a profile of its own.
pub struct Browser {
    child: Child,
    to: File,
    from: BufReader<File>,
    session: Option<String>,
    count: u64,
    /// What it told besides answers.
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

/// Debian's `chromium`; the pipes are the descriptors that its protocol asks for.
const START: &str = "exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
    --no-first-run --window-size=1280,720 --user-data-dir=\"$1\" --remote-debugging-pipe 3<\"$1/to\" 4>\"$1/from\"";

impl Browser {
    pub fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let [to, from] = ["to", "from"].map(|name| profile.path().join(name));
        assert!(Command::new("mkfifo").args([&to, &from]).status().unwrap().success());
        let mut command = Command::new("sh");
        command.args(["-c", START, "sh"]).arg(profile.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = child.spawn().unwrap();
        let to = File::options().write(true).open(to).unwrap();
        let from = BufReader::new(File::open(from).unwrap());
        let mut browser =
            Self { child, to, from, session: None, count: 0, events: vec![], _profile: profile };
        let page = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let target = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &target);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Network", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Calls a method and returns its result.
    #[track_caller]
    pub fn call(&mut self, method: &str, params: &Value) -> Value {
        self.count += 1;
        let mut call = json!({ "id": self.count, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        let mut text = call.to_string().into_bytes();
        text.push(0);
        self.to.write_all(&text).unwrap();
        loop {
            let message = self.message();
            if message["id"] == json!(self.count) {
                assert_eq!(message["error"], Value::Null, "{method}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    fn message(&mut self) -> Value {
        let mut text = vec![];
        self.from.read_until(0, &mut text).unwrap();
        assert_eq!(text.pop(), Some(0), "chromium ended: is Debian's `chromium` installed?");
        serde_json::from_slice(&text).unwrap()
    }

    /// Opens a file, and waits until all of it is there.
    pub fn open(&mut self, file: &Path) {
        let url = format!("file://{}", file.display());
        self.call("Page.navigate", &json!({ "url": url }));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.message();
            self.events.push(event);
        }
    }

    /// What an expression comes to.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        let result = self.call("Runtime.evaluate", &params);
        assert_eq!(result["exceptionDetails"], Value::Null, "{expression}");
        result["result"]["value"].clone()
    }

    /// A click of the mouse into the middle of an element.
    pub fn click(&mut self, selector: &str) {
        let place = format!("document.querySelector({selector:?}).getBoundingClientRect()");
        let middle = self.eval(&format!("(r => [r.x + r.width / 2, r.y + r.height / 2])({place})"));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": middle[0], "y": middle[1], "button": "left",
                "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// A key, pressed and let go.
    pub fn key(&mut self, key: &str, code: u32, text: &str) {
        let event = |kind| {
            json!({ "type": kind, "key": key, "code": key, "text": text,
            "windowsVirtualKeyCode": code })
        };
        self.call("Input.dispatchKeyEvent", &event("keyDown"));
        self.call("Input.dispatchKeyEvent", &event("keyUp"));
    }

    /// The addresses of all that was asked for, and of each connection.
    pub fn requests(&self) -> Vec<String> {
        let request = |e: &Value| e["params"]["request"]["url"].as_str().map(str::to_owned);
        self.told("Network.requestWillBeSent").filter_map(request).collect()
    }

    /// Errors of scripts, and what the browser complains about.
    pub fn complaints(&self) -> Vec<&Value> {
        ["Runtime.exceptionThrown", "Log.entryAdded"]
            .into_iter()
            .flat_map(|m| self.told(m))
            .collect()
    }

    fn told(&self, method: &'static str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| event["method"] == method)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
