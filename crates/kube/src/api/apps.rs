//! StatefulSet, CronJob, PodDisruptionBudget.

use serde::Serialize;

use super::{Map, Meta, PodTemplate, Selector};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatefulSetSpec {
    pub service_name: String,
    pub replicas: u8,
    pub pod_management_policy: &'static str,
    pub update_strategy: UpdateStrategy,
    pub persistent_volume_claim_retention_policy: Retention,
    pub selector: Selector,
    pub template: PodTemplate,
    pub volume_claim_templates: Vec<Claim>,
}

#[derive(Clone, Debug, Serialize)]
pub struct UpdateStrategy {
    #[serde(rename = "type")]
    pub kind: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    pub when_deleted: &'static str,
    pub when_scaled: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    pub metadata: Meta,
    pub spec: ClaimSpec,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimSpec {
    pub access_modes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,
    pub resources: ClaimResources,
}

#[derive(Clone, Debug, Serialize)]
pub struct ClaimResources {
    pub requests: Map,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CronJobSpec {
    pub schedule: String,
    pub time_zone: &'static str,
    pub concurrency_policy: &'static str,
    pub starting_deadline_seconds: u32,
    pub successful_jobs_history_limit: u8,
    pub failed_jobs_history_limit: u8,
    pub job_template: JobTemplate,
}

#[derive(Clone, Debug, Serialize)]
pub struct JobTemplate {
    pub spec: JobSpec,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobSpec {
    pub backoff_limit: u8,
    pub active_deadline_seconds: u32,
    pub template: PodTemplate,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetSpec {
    pub max_unavailable: u8,
    pub unhealthy_pod_eviction_policy: &'static str,
    pub selector: Selector,
}
