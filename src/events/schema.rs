//! The JSON Schema of a line, made from the types, so that it cannot differ from what is written.

use schemars::generate::SchemaSettings;

use super::Line;

/// The schema, draft 2020-12, as text.
#[must_use]
pub fn text() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    format!("{:#}\n", generator.into_root_schema_for::<Line>().to_value())
}
