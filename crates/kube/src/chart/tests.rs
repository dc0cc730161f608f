use super::*;
use crate::{testing::cluster, yaml};

fn text_of<'f>(files: &'f [File], path: &str) -> &'f str {
    &files.iter().find(|f| f.path == path).unwrap_or_else(|| panic!("no {path}")).text
}

#[test]
fn printed() {
    let files = chart(&cluster(Options::default()));
    for path in ["values.yaml", "templates/statefulset.yaml", "templates/networkpolicy.yaml", "templates/NOTES.txt"] {
        let name = format!("chart-{}", path.replace("templates/", ""));
        crate::testing::golden(&name, text_of(&files, path));
    }
    let paths: Vec<_> = files.iter().map(|f| f.path.as_str()).collect();
    crate::testing::golden("chart-files", &paths.join("\n"));
}

#[test]
fn every_value_is_used_and_every_used_value_is_there() {
    let files = chart(&cluster(Options::default()));
    let values = yaml::read(text_of(&files, "values.yaml")).unwrap()[0].to_json();
    let templates: String =
        files.iter().filter(|f| f.path.starts_with("templates/")).map(|f| f.text.as_str()).collect();
    let mut used = std::collections::BTreeSet::new();
    for part in templates.split(".Values.").skip(1) {
        let path: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
        let pointer = format!("/{}", path.trim_end_matches('.').replace('.', "/"));
        assert!(values.pointer(&pointer).is_some(), "{pointer} is not in values.yaml");
        used.insert(pointer);
    }
    let mut unused = Vec::new();
    for (key, value) in values.as_object().unwrap() {
        match value.as_object().filter(|o| !o.is_empty()) {
            Some(inner) if !used.contains(&format!("/{key}")) => {
                unused.extend(inner.keys().map(|k| format!("/{key}/{k}")).filter(|p| !used.contains(p)));
            }
            Some(_) => {}
            None => unused.extend(Some(format!("/{key}")).filter(|p| !used.contains(p))),
        }
    }
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn the_schema_knows_every_value() {
    let c = cluster(Options::default());
    let values = yaml::read(&values::text(&c)).unwrap()[0].to_json();
    let known = schema::schema(&c);
    for (key, value) in values.as_object().unwrap() {
        let of = &known["properties"][key];
        assert!(of.is_object(), "{key}");
        if of["additionalProperties"] == false {
            for inner in value.as_object().unwrap().keys() {
                assert!(of["properties"][inner].is_object(), "{key}.{inner}");
            }
        }
    }
    assert_eq!(known["properties"]["replicas"]["maximum"], 4);
}

#[test]
fn notes_say_what_people_get_wrong() {
    let files = chart(&cluster(Options::default()));
    let notes = text_of(&files, "templates/NOTES.txt");
    for words in [
        "scale to 0 first",
        "--atomic",
        "kubectl delete pod altibase-sts-N",
        "--cascade=orphan",
        "aku plan forget N",
        "A drain takes",
    ] {
        assert!(notes.contains(words), "{words}");
    }
    assert!(
        files.iter().filter(|f| f.path.starts_with("templates/")).all(|f| !f.text.contains('@')),
        "a place was not filled"
    );
}
