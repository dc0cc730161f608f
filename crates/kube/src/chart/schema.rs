//! values.schema.json: Helm refuses values that do not fit it. What aku.conf says is a bound here.

use serde_json::{Value, json};

use crate::spec::Cluster;

fn object(properties: &Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

fn enabled() -> Value {
    object(&json!({"enabled": {"type": "boolean"}}))
}

pub(super) fn schema(c: &Cluster) -> Value {
    let text = json!({"type": "string", "minLength": 1});
    let any_text = json!({"type": "string"});
    let free = json!({"type": "object"});
    let list = json!({"type": "array", "items": {"type": "object"}});
    let seconds = |least: u64| json!({"type": "integer", "minimum": least});
    let name = json!({"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"});
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let amount = json!({"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?([mkMGTPE]|[KMGTPE]i)?$"});
    let mut root = object(&json!({
        "image": object(&json!({
            "reference": {"type": "string", "pattern": "^\\S+$"},
            "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
            "pullSecrets": list,
        })),
        "replicas": {
            "type": "integer", "minimum": 0, "maximum": c.spec.server_count,
            "description": "At most AKU_SERVER_COUNT",
        },
        "createDatabase": {"type": "boolean"},
        "terminationGracePeriodSeconds": seconds(0),
        "serverStopSeconds": seconds(1),
        "stopSignal": {"enum": ["INT", "TERM", "QUIT"]},
        "preStopSleepSeconds": seconds(0),
        "startup": object(&json!({"limitSeconds": seconds(60)})),
        "livenessProbe": free,
        "home": {"type": "string", "pattern": "^/\\S+[^/]$"},
        "user": {"type": "integer", "minimum": 1, "description": "Never 0: the restricted profile refuses it"},
        "server": {"type": "array", "minItems": 1, "items": text},
        "charset": text,
        "resources": free,
        "storage": object(&json!({
            "size": amount,
            "className": any_text,
            "accessMode": {"enum": ["ReadWriteOnce", "ReadWriteOncePod"]},
        })),
        "password": object(&json!({"secret": name, "key": text})),
        "licence": object(&json!({"secret": any_text, "key": text})),
        "clientService": object(&json!({
            "type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}, "annotations": texts,
        })),
        "perPodServices": enabled(),
        "podDisruptionBudget": enabled(),
        "networkPolicy": enabled(),
        "drift": object(&json!({"enabled": {"type": "boolean"}, "schedule": text})),
        "monitoring": object(&json!({"enabled": {"type": "boolean"}, "labels": texts})),
        "topologySpread": object(&json!({"whenUnsatisfiable": {"enum": ["ScheduleAnyway", "DoNotSchedule"]}})),
        "podLabels": texts,
        "podAnnotations": texts,
        "priorityClassName": any_text,
        "nodeSelector": texts,
        "affinity": free,
        "tolerations": list,
        "extraEnv": list,
        "extraVolumes": list,
        "extraVolumeMounts": list,
        // Helm's own.
        "global": free,
    }));
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("Values of the chart aku");
    root
}
