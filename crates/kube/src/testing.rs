//! The cluster of the tests: what the published sample of aku.conf says.

use crate::spec::{AtEnd, Cluster, ClusterSpec, EndSeconds, Options};

/// `conf/aku.conf.sample` without its password.
pub(crate) fn spec() -> ClusterSpec {
    ClusterSpec {
        name: "altibase-sts".to_owned(),
        service: "altibase-svc".to_owned(),
        server_count: 4,
        port: 20300,
        replication_port: 20301,
        groups: 1,
        conflict_properties: Vec::new(),
        targets: 3,
        at_end: AtEnd::Keep,
        address_check: 60,
        end: EndSeconds { fence: 10, flush: 300, stop_reset: 6 },
        conf: CONF.to_owned(),
    }
}

pub(crate) const CONF: &str = "\
AKU_STS_NAME = altibase-sts
AKU_SVC_NAME = altibase-svc
AKU_SERVER_COUNT = 4
AKU_PORT_NO = 20300
AKU_REPLICATION_PORT_NO = 20301
AKU_ADDRESS_CHECK_COUNT = 60
AKU_REPLICATION_RESET_AT_END = 0

# what is replicated
REPLICATIONS = (
    REPLICATION_NAME_PREFIX = AKU_REP
    (SYS.T1, SYS.T2 PARTITION P1, SYS.T3)
)
";

pub(crate) fn cluster(options: Options) -> Cluster {
    Cluster::new(spec(), options).expect("a cluster that fits")
}

/// A golden file in `crates/kube/snapshots`.
pub(crate) fn golden(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
