//! PodMonitor and PrometheusRule, of the Prometheus operator.

use serde::Serialize;

use super::{Map, Selector};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodMonitorSpec {
    pub selector: Selector,
    pub pod_metrics_endpoints: Vec<Endpoint>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    pub port: &'static str,
    pub interval: &'static str,
    pub honor_labels: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct RuleSpec {
    pub groups: Vec<RuleGroup>,
}

#[derive(Clone, Debug, Serialize)]
pub struct RuleGroup {
    pub name: &'static str,
    pub rules: Vec<Rule>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    pub alert: &'static str,
    pub expr: String,
    #[serde(rename = "for")]
    pub lasts: &'static str,
    pub labels: Map,
    pub annotations: Map,
}
