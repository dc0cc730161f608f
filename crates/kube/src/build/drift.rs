//! The CronJob that looks for drift.

use super::{
    Manifest, config,
    database::{aku_vars, mount, pod_security, security},
    labels::{Part, map, meta, of},
    manifest, place,
};
use crate::{
    api::{
        ConfigMapVolume, Container, CronJobSpec, JobSpec, JobTemplate, KeyPath, Meta, Object, PodSpec, PodTemplate,
        Resources, SecretVolume, Spec, Volume, VolumeSource,
    },
    spec::Cluster,
};

/// A pod that is started anew is back before that is over, and is no difference.
const PATIENCE: &str = "--patience=5m";
const REASON: &str = "Reads the pods and changes nothing. Pods that are started anew, as in a roll-out, come back meanwhile and are no \
                      difference.";

pub(super) fn cron_job(c: &Cluster) -> Manifest {
    let object = Object {
        api_version: "batch/v1",
        kind: "CronJob",
        metadata: meta(c, format!("{}-drift", c.spec.name), Part::Drift),
        rest: Spec {
            spec: CronJobSpec {
                schedule: c.options.drift_schedule.clone(),
                time_zone: "Etc/UTC",
                concurrency_policy: "Forbid",
                starting_deadline_seconds: 300,
                successful_jobs_history_limit: 1,
                failed_jobs_history_limit: 3,
                job_template: JobTemplate { spec: job(c) },
            },
        },
    };
    let why = [
        (
            "spec.startingDeadlineSeconds",
            "Without it, a hundred missed starts (a controller that was away) stop the job for good.",
        ),
        ("spec.jobTemplate.spec.backoffLimit", "Exit 2 is an answer (something differs), not a mishap: no second try."),
        ("spec.jobTemplate.spec.template.spec.containers[0].args", REASON),
    ];
    manifest("cronjob-drift.yaml", &object, &why)
}

/// The pod of `helm test`: asks every preflight question on every pod.
pub(crate) fn check_pod(c: &Cluster) -> Manifest {
    let mut metadata = meta(c, format!("{}-check", c.spec.name), Part::Drift);
    metadata
        .annotations
        .extend(map([("helm.sh/hook", "test"), ("helm.sh/hook-delete-policy", "before-hook-creation")]));
    let object = Object { api_version: "v1", kind: "Pod", metadata, rest: Spec { spec: pod(c, &["check"]) } };
    manifest("tests/check.yaml", &object, &[])
}

fn job(c: &Cluster) -> JobSpec {
    JobSpec {
        backoff_limit: 0,
        active_deadline_seconds: 600,
        template: PodTemplate {
            metadata: Meta { labels: of(c, Part::Drift), ..Meta::default() },
            spec: pod(c, &["drift", PATIENCE]),
        },
    }
}

/// A pod that runs a command of aku and looks at the others.
fn pod(c: &Cluster, command: &[&str]) -> PodSpec {
    let conf = ConfigMapVolume { name: config::name(c), default_mode: 0o444 };
    let key = &c.options.password;
    let password = SecretVolume {
        secret_name: key.secret.clone(),
        default_mode: 0o440,
        items: vec![KeyPath { key: key.key.clone(), path: place::PASSWORD_FILE }],
    };
    PodSpec {
        restart_policy: Some("Never"),
        termination_grace_period_seconds: None,
        automount_service_account_token: false,
        enable_service_links: false,
        security_context: pod_security(c),
        topology_spread_constraints: Vec::new(),
        containers: vec![Container {
            name: "aku",
            image: c.options.image.clone(),
            image_pull_policy: "IfNotPresent",
            command: vec!["aku".to_owned()],
            args: command.iter().map(ToString::to_string).collect(),
            env: aku_vars(c),
            ports: Vec::new(),
            startup_probe: None,
            readiness_probe: None,
            lifecycle: None,
            resources: Resources {
                requests: map([("cpu", "50m"), ("memory", "64Mi")]),
                limits: map([("memory", "256Mi")]),
            },
            security_context: security(),
            volume_mounts: vec![mount("conf", place::CONF), mount("password", place::PASSWORD)],
        }],
        volumes: vec![
            Volume { name: "conf", source: VolumeSource::ConfigMap(conf) },
            Volume { name: "password", source: VolumeSource::Secret(password) },
        ],
    }
}
