//! A pod that admits users judges conflicts as aku.conf says, or rows come to differ without a word. What the objects do not
//! decide, the server does: properties, and TIMESTAMP columns. What cannot be seen is not right.

use aku_core::{
    attributes::Conflict,
    observe::{Pod, Stamp, TableName},
    plan::Action,
};

use super::Checker;

impl Checker<'_> {
    /// Who was in service before is only let in again.
    pub(super) fn open_by_the_rules(&mut self, a: &Action) {
        let Some(seen) = self.observed.pod(a.pod).filter(|p| p.admin_mode()) else { return };
        let mut wrong = Vec::new();
        for group in self.desired.groups.values() {
            match group.attributes.conflict() {
                Conflict::None | Conflict::MasterSlave => {}
                Conflict::Replace => {
                    let on = is_on(seen, "REPLICATION_INSERT_REPLACE") && is_on(seen, "REPLICATION_UPDATE_REPLACE");
                    wrong.extend((!on).then(|| format!("{} replaces nothing there", group.prefix)));
                }
                Conflict::Timestamp => {
                    let on = is_on(seen, "REPLICATION_TIMESTAMP_RESOLUTION");
                    wrong.extend((!on).then(|| format!("no TIMESTAMP of {} is compared there", group.prefix)));
                    let bare = group.targets.iter().find(|t| match seen.tables.get(&TableName::of(t)) {
                        None => false,
                        Some(table) => table.timestamp != Stamp::Has,
                    });
                    wrong.extend(bare.map(|t| format!("{t} is not seen to have a TIMESTAMP column")));
                }
            }
        }
        if let Some(what) = wrong.first() {
            self.broken("conflict-rule", format!("{} opens pod {}, and {what}", a.id, a.pod));
        }
    }
}

fn is_on(seen: &Pod, property: &str) -> bool {
    seen.properties.get(property).is_some_and(|v| v.trim() == "1")
}
