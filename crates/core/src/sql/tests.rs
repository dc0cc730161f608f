//! The text of statements.

use super::*;
use crate::attributes::GroupMode;
use crate::{
    attributes::{Appliers, Role},
    topology::IdentError,
};

fn target(table: &str, partition: Option<&str>) -> Result<Target, IdentError> {
    Ok(Target {
        user: Identifier::exact("SYS")?,
        table: Identifier::exact(table)?,
        partition: partition.map(Identifier::exact).transpose()?,
    })
}

#[test]
fn text_of_changes() -> Result<(), IdentError> {
    let name = ReplicationName::exact("AKU_REP_01")?;
    let create = ChangeSql::CreateReplication {
        name: name.clone(),
        host: "10.0.0.1".to_owned(),
        port: 20301,
        targets: vec![target("T1", None)?, target("Low Case", Some("P1"))?],
        shape: Shape::default(),
    };
    let parallel = GroupOption::Parallel { appliers: Appliers::new(4).unwrap(), buffer: "10M".parse().ok() };
    let shaped = |mode, role, options: &[GroupOption]| ChangeSql::CreateReplication {
        name: name.clone(),
        host: "h".to_owned(),
        port: 1,
        targets: target("T1", None).into_iter().collect(),
        shape: Shape { mode, role, options: options.iter().copied().collect() },
    };
    let table = [
        (
            create,
            "CREATE REPLICATION AKU_REP_01 WITH '10.0.0.1', 20301 FROM SYS.T1 TO SYS.T1, \
             FROM SYS.\"Low Case\" PARTITION P1 TO SYS.\"Low Case\" PARTITION P1",
        ),
        (
            shaped(GroupMode::Lazy, Some(Role::Master), &[parallel, GroupOption::Gapless]),
            "CREATE REPLICATION AKU_REP_01 AS MASTER OPTIONS GAPLESS PARALLEL 4 10 M WITH 'h', 1 FROM SYS.T1 TO SYS.T1",
        ),
        (
            shaped(GroupMode::Eager, Some(Role::Slave), &[]),
            "CREATE EAGER REPLICATION AKU_REP_01 AS SLAVE WITH 'h', 1 FROM SYS.T1 TO SYS.T1",
        ),
        (
            ChangeSql::SetOption { name: name.clone(), option: parallel },
            "ALTER REPLICATION AKU_REP_01 SET PARALLEL 4 10 M",
        ),
        (
            ChangeSql::SetOption { name: name.clone(), option: GroupOption::Grouping },
            "ALTER REPLICATION AKU_REP_01 SET GROUPING ENABLE",
        ),
        (ChangeSql::Flush { name: name.clone(), wait_s: 10 }, "ALTER REPLICATION AKU_REP_01 FLUSH WAIT 10"),
        (ChangeSql::Sync { name, parallel: 2 }, "ALTER REPLICATION AKU_REP_01 SYNC PARALLEL 2"),
        (ChangeSql::Truncate(target("T1", None)?), "TRUNCATE TABLE SYS.T1"),
        (
            ChangeSql::CloseSession { database: Identifier::exact("mydb")?, session: 7 },
            "ALTER DATABASE mydb SESSION CLOSE 7",
        ),
        (ChangeSql::Truncate(target("T2", Some("P1"))?), "ALTER TABLE SYS.T2 TRUNCATE PARTITION P1"),
    ];
    for (sql, want) in table {
        assert_eq!(sql.to_string(), want);
    }
    let counts = ReadSql::CountRows(vec![target("T1", None)?, target("T2", Some("P1"))?]);
    assert_eq!(
        counts.to_string(),
        "SELECT 0 AS N, COUNT(*) AS ROWS_NOW FROM SYS.T1 UNION ALL \
         SELECT 1 AS N, COUNT(*) AS ROWS_NOW FROM SYS.T2 PARTITION (P1)"
    );
    Ok(())
}
