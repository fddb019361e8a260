//! The files of the page, which are compiled into the program.

type Asset = (&'static str, &'static str, &'static [u8]);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! asset {
    ($name:literal, $kind:expr) => {
        (
            $name,
            $kind,
            include_bytes!(concat!("../../console/", $name)),
        )
    };
}

const ASSETS: &[Asset] = &[
    asset!("index.html", HTML),
    asset!("style.css", CSS),
    asset!("icon.svg", SVG),
    asset!("app.js", JS),
    asset!("clients.js", JS),
    asset!("connections.js", JS),
    asset!("dom.js", JS),
    asset!("figures.js", JS),
    asset!("invocations.js", JS),
    asset!("json.js", JS),
    asset!("knobs.js", JS),
    asset!("list.js", JS),
    asset!("rooms.js", JS),
    asset!("store.js", JS),
    asset!("stream.js", JS),
    asset!("tables.js", JS),
    asset!("timeline.js", JS),
];

pub(super) fn find(name: &str) -> Option<(&'static str, &'static [u8])> {
    let name = if name.is_empty() { "index.html" } else { name };
    let found = ASSETS.iter().find(|(other, ..)| *other == name);
    found.map(|(_, kind, content)| (*kind, *content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> &'static str {
        std::str::from_utf8(find(name).unwrap().1).unwrap()
    }

    #[test]
    fn every_module_that_is_imported_is_there() {
        for (name, kind, _) in ASSETS.iter().filter(|(_, kind, _)| *kind == JS) {
            let imported = text(name)
                .lines()
                .filter_map(|line| line.split_once("from \"./"));
            for (_, rest) in imported {
                let module = rest.split('"').next().unwrap();
                assert!(find(module).is_some(), "{name} ({kind}) imports {module}");
            }
        }
    }

    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        for (name, ..) in ASSETS {
            let text = text(name);
            let text = text.replace("http://www.w3.org/", "");
            assert!(!text.contains("http://"), "{name}");
            assert!(!text.contains("https://"), "{name}");
            for inline in [" style=\"", " onclick=", "innerHTML", "<style", "eval("] {
                assert!(!text.contains(inline), "{name} has {inline}");
            }
        }
        let html = text("index.html");
        for script in html.split("<script").skip(1) {
            assert!(script.contains("src=\""), "{script}");
        }
    }
}
