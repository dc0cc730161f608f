//! The words of operations, from their types.

use std::sync::OnceLock;

use aku_core::plan::Op;
use schemars::generate::SchemaSettings;

/// The words of every operation.
#[must_use]
pub fn operations() -> &'static [String] {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let schema = SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Op>();
        let variants = schema.to_value()["oneOf"].as_array().cloned().unwrap_or_default();
        variants.iter().filter_map(|v| v["properties"]["op"]["const"].as_str().map(str::to_owned)).collect()
    })
}
