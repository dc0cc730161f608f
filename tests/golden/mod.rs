//! Where golden outputs of the program are kept.

use std::path::Path;

/// Settings for `insta`: in `snapshots/cli`, under the name alone.
pub fn golden() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/cli"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}
