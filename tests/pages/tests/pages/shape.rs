//! The shape of the pages: short lines, links that lead somewhere, the two commands.

use pages::{PAGES, path, read};

/// Lines of prose are at most so long; tables and code are as wide as they are.
const WIDTH: usize = 100;

#[test]
fn lines_are_short() {
    for page in PAGES {
        let mut in_code = false;
        for (number, line) in read(page).lines().enumerate() {
            in_code ^= line.starts_with("```");
            let is_prose = !in_code && !line.starts_with('|') && !line.starts_with("<!--");
            let long = line.chars().count() > WIDTH;
            assert!(!is_prose || !long, "{page}:{}: {line}", number + 1);
        }
    }
}

#[test]
fn the_front_page_is_short_and_has_the_two_commands() {
    let page = read("README.md");
    assert!(page.lines().count() <= 120, "{} lines", page.lines().count());
    for command in ["    cargo local ", "    cargo test --workspace "] {
        assert!(page.lines().any(|line| line.starts_with(command)), "{command}");
    }
}

/// The targets of links: what stands between `](` and `)`.
fn targets(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

/// Headings as they are linked to.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let keep = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(keep).collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn links_lead_somewhere() {
    for page in PAGES {
        let text = read(page);
        let folder = path(page).parent().expect("a folder").to_path_buf();
        for target in targets(&text).into_iter().filter(|it| !it.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path(page) } else { folder.join(file) };
            assert!(file.exists(), "{page}: {target}");
            if !anchor.is_empty() {
                let there = std::fs::read_to_string(&file).expect("a page");
                assert!(anchors(&there).iter().any(|it| it == anchor), "{page}: {target}");
            }
        }
    }
}
