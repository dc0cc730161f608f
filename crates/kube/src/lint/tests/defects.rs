//! Ways to break each rule.

use super::*;

/// The file with that one defect.
pub(super) struct Defect {
    pub code: Code,
    pub from: &'static str,
    /// `None`: the line goes with everything below it.
    pub to: Option<&'static str>,
}

fn defect(code: Code, from: &'static str, to: &'static str) -> Defect {
    Defect { code, from, to: Some(to) }
}

fn without(code: Code, from: &'static str) -> Defect {
    Defect { code, from, to: None }
}

/// The text without a line and what is indented below it.
pub(super) fn cut(text: &str, line: &str) -> String {
    let depth = |l: &str| l.len() - l.trim_start().len();
    let at = text.find(line).expect("the line is there");
    let block: usize = text[at..]
        .split_inclusive('\n')
        .enumerate()
        .take_while(|(n, l)| *n == 0 || depth(l) > depth(line))
        .map(|(_, l)| l.len())
        .sum();
    format!("{}{}", &text[..at], &text[at + block..])
}

/// For each rule at least one way to break it.
pub(super) fn defects() -> Vec<Defect> {
    use Code as C;
    let sts = "  # AKU_STS_NAME: the pods are found by it.\n  name: altibase-sts\n";
    let service = "publishNotReadyAddresses: true";
    let probe = "                - aku\n                - probe\n                - startup\n";
    let ready = "                - aku\n                - probe\n                - ready\n";
    let command = "          command:\n            - aku\n          args:\n            - run\n            - --grace=436s\n            \
                   - --server-stop=120s\n            - --\n            - altibase\n            - -n\n";
    let budget = "kind: PodDisruptionBudget";
    let volumes = "      volumes:\n";
    let mounts = "          volumeMounts:\n";
    let container_security = "            capabilities:\n              drop:\n                - ALL\n";
    vec![
        defect(C::Unreadable, "kind: StatefulSet", "kind: StatefulSet\nkind: StatefulSet"),
        defect(C::NoObject, "kind: ConfigMap\n", ""),
        defect(C::NotAField, mounts, "          VolumeDevices: []\n          volumeMounts:\n"),
        defect(C::Misspelt, "          readinessProbe:", "          readynessProbe: {}\n          readinessProbe:"),
        defect(C::Misspelt, "  podManagementPolicy:", "  podManagmentPolicy: Parallel\n  podManagementPolicy:"),
        defect(C::UnknownField, volumes, "      colour: red\n      volumes:\n"),
        defect(C::Name, sts, "  name: db\n"),
        defect(C::Replicas, "replicas: 2", "replicas: 5"),
        defect(C::Replicas, "replicas: 2", "replicas: \"2\""),
        defect(C::Parallel, "OrderedReady", "Parallel"),
        defect(C::Ordinals, "replicas: 2", "replicas: 2\n  ordinals:\n    start: 1"),
        defect(C::MaxUnavailable, "    type: RollingUpdate", "    rollingUpdate:\n      maxUnavailable: 2"),
        defect(C::BadName, "  name: altibase-sts-client", "  name: altibase_client"),
        defect(C::NoStatefulSet, "kind: StatefulSet", "kind: Thing"),
        defect(
            C::VersionInSelector,
            "  template:\n    metadata:\n      labels:",
            "      app.kubernetes.io/version: v1\n  template:\n    metadata:\n      labels:\n        app.kubernetes.io/version: v1",
        ),
        defect(
            C::Selector,
            "  selector:\n    matchLabels:\n      app.kubernetes.io/component: database\n",
            "  selector:\n    matchLabels:\n      app.kubernetes.io/component: other\n",
        ),
        without(C::Selector, "  selector:\n"),
        defect(C::NotHeadless, "  clusterIP: None\n", ""),
        defect(C::HidesNotReady, service, "publishNotReadyAddresses: false"),
        defect(C::PeerPorts, "      port: 20301", "      port: 20302"),
        defect(
            C::PeerSelector,
            "    app.kubernetes.io/component: database\n    app.kubernetes.io/instance: altibase-sts\n    app.kubernetes.io/name: altibase\n  ports:\n    - name: sql\n      port: 20300\n      targetPort: sql\n    - name: rep",
            "    app: x\n  ports:\n    - name: sql\n      port: 20300\n      targetPort: sql\n    - name: rep",
        ),
        defect(
            C::NoClientService,
            "kind: Service\nmetadata:\n  name: altibase-sts-client",
            "kind: Thing\nmetadata:\n  name: altibase-sts-client",
        ),
        defect(
            C::ClientsSeeNotReady,
            "  name: altibase-sts-client\n",
            "  name: altibase-sts-client\nspec:\n  publishNotReadyAddresses: true\n  selector:\n    app.kubernetes.io/name: altibase\n---\napiVersion: v1\nkind: Thing\nmetadata:\n  name: x\n",
        ),
        defect(C::PolicyCloses, "          port: 20301\n    # Clients", "          port: 20302\n    # Clients"),
        defect(
            C::PolicyCloses,
            "        - podSelector:\n            matchLabels:\n              app.kubernetes.io/component: database\n",
            "        - podSelector:\n            matchLabels:\n              app.kubernetes.io/component: other\n",
        ),
        without(C::PolicyCloses, "  ingress:\n"),
        without(C::PolicyCloses, "  egress:\n"),
        defect(C::PolicyCloses, "        - protocol: UDP\n", "        - protocol: TCP\n"),
        defect(
            C::PolicyUnseen,
            "    - from:\n        - podSelector:\n",
            "    - from:\n        - namespaceSelector: {matchLabels: {a: b}}\n          podSelector:\n",
        ),
        defect(C::GraceUntold, "--grace=436s", "--grace=435s"),
        defect(
            C::GraceUntold,
            "            - --grace=436s\n            - --server-stop=120s\n            - --\n            - altibase\n            - -n\n          env:\n",
            "            - --\n            - altibase\n            - -n\n          env:\n            - {name: AKU_GRACE, value: \"435\"}\n",
        ),
        defect(C::NoEnd, command, "          command: [\"tail\", \"-f\", \"/dev/null\"]\n"),
        defect(
            C::ShellFirst,
            command,
            "          command: [bash, -c, \"trap 'aku -p end' TERM; server start; wait\"]\n",
        ),
        defect(
            C::ServerFirst,
            command,
            "          command: [altibase, -n]\n          lifecycle:\n            preStop:\n              exec:\n                command: [aku, -p, end]\n",
        ),
        defect(C::EntryUnseen, command, ""),
        defect(
            C::TwoEnds,
            "          readinessProbe:",
            "          lifecycle:\n            preStop:\n              exec:\n                command: [sh, -c, aku -p end]\n          readinessProbe:",
        ),
        defect(
            C::SignalHeld,
            command,
            "          command: [sh, -c, \"aku run --grace=436s -- altibase -n; sleep 1\"]\n",
        ),
        defect(C::SignalHeld, command, "          command: [su, altibase, -c, \"aku run -- altibase -n\"]\n"),
        defect(C::ShellFirst, command, "          command: [sh, -c, aku run -- altibase -n]\n"),
        defect(
            C::ServerInShell,
            "            - altibase\n            - -n\n",
            "            - sh\n            - -c\n            - altibase -n; true\n",
        ),
        defect(C::EntryUnseen, "            - altibase\n", "            - bash\n            - /opt/start.sh\n"),
        defect(
            C::StopSignal,
            "            - --server-stop=120s\n",
            "            - --server-stop=120s\n            - --stop-signal=TERM\n",
        ),
        defect(
            C::StopSignal,
            "          env:\n",
            "          env:\n            - {name: AKU_STOP_SIGNAL, value: quit}\n",
        ),
        defect(C::RunFlag, "--grace=436s", "--grac=436s"),
        defect(C::RunFlag, "--grace=436s", "--grace=4x"),
        defect(C::RunFlag, "          env:\n", "          env:\n            - {name: AKU_RETRY, value: \"5\"}\n"),
        defect(
            C::CreatesDatabase,
            "            - --server-stop=120s\n",
            "            - --server-stop=120s\n            - --create-database=make it\n",
        ),
        without(C::NoStartup, "          startupProbe:"),
        defect(C::StartupLimit, "failureThreshold: 17280", "failureThreshold: 17279"),
        defect(C::StartupMarker, probe, "                - isql\n"),
        without(C::NoReadiness, "          readinessProbe:"),
        defect(C::ReadinessMarker, ready, "                - aku\n                - drift\n"),
        defect(
            C::Liveness,
            "          readinessProbe:",
            "          livenessProbe:\n            exec:\n              command: [aku, probe, ready]\n          readinessProbe:",
        ),
        defect(
            C::MarkerOnVolume,
            mounts,
            "          volumeMounts:\n            - name: data\n              mountPath: /tmp\n",
        ),
        defect(
            C::PostStart,
            "          readinessProbe:",
            "          lifecycle:\n            postStart:\n              exec:\n                command: [x]\n          readinessProbe:",
        ),
        defect(
            C::AdminMode,
            "              value: \"1\"\n            # aku on one",
            "              value: \"0\"\n            # aku on one",
        ),
        defect(C::AdminMode, "            - name: ALTIBASE_ADMIN_MODE\n              value: \"1\"\n", ""),
        defect(C::RemoteSysdba, "            - name: ALTIBASE_REMOTE_SYSDBA_ENABLE\n              value: \"1\"\n", ""),
        defect(C::SqlPort, "              value: \"20300\"", "              value: \"20301\""),
        defect(C::ReplicationPort, "              value: \"20301\"", "              value: \"0\""),
        defect(
            C::Charset,
            "            - name: ALTIBASE_NLS_USE\n              value: UTF8\n            # The",
            "            # The",
        ),
        defect(
            C::PodName,
            "            - name: POD_NAME\n              valueFrom:\n                fieldRef:\n                  fieldPath: metadata.name\n",
            "",
        ),
        defect(
            C::OtherPodName,
            "              valueFrom:\n                fieldRef:\n                  fieldPath: metadata.name\n",
            "              value: altibase-sts-0\n",
        ),
        defect(C::OtherPodName, "fieldPath: metadata.name\n", "fieldPath: metadata.namespace\n"),
        defect(
            C::OtherPodName,
            "              valueFrom:\n                fieldRef:\n                  fieldPath: metadata.name\n",
            "              value: $(POD_NAMESPACE)\n",
        ),
        defect(
            C::EnvUnseen,
            "            - name: ALTIBASE_REPLICATION_PORT_NO\n              value: \"20301\"\n",
            "          envFrom:\n            - configMapRef:\n                name: elsewhere\n",
        ),
        defect(
            C::PasswordInConfigMap,
            "    AKU_PORT_NO = 20300\n",
            "    AKU_PORT_NO = 20300\n    AKU_SYS_PASSWORD = hidden\n",
        ),
        defect(
            C::PasswordInEnv,
            "            - name: AKU_SYS_PASSWORD_FILE\n              value: /etc/aku/secret/password\n",
            "            - name: AKU_SYS_PASSWORD\n              value: hidden\n",
        ),
        defect(
            C::PasswordVariable,
            "            - name: AKU_SYS_PASSWORD_FILE\n              value: /etc/aku/secret/password\n",
            "            - name: AKU_SYS_PASSWORD\n              valueFrom: {secretKeyRef: {name: s, key: k}}\n",
        ),
        defect(
            C::NoPassword,
            "            - name: AKU_SYS_PASSWORD_FILE\n              value: /etc/aku/secret/password\n",
            "",
        ),
        defect(C::PasswordPath, "value: /etc/aku/secret/password", "value: /nowhere/password"),
        defect(C::PasswordPath, "value: /etc/aku/secret/password", "value: /etc/aku/secret/other"),
        defect(C::ConfPath, "value: /etc/aku/conf/aku.conf", "value: /nowhere/aku.conf"),
        defect(C::ConfPath, "value: /etc/aku/conf/aku.conf", "value: /etc/aku/conf/aku.cnf"),
        defect(
            C::ConfPath,
            "            - --server-stop=120s\n",
            "            - --server-stop=120s\n            - --conf=/nowhere\n",
        ),
        defect(C::ConfUnseen, "kind: ConfigMap", "kind: Thing"),
        defect(C::OtherConf, "  aku.conf: |\n", "  aku.conf: AKU_STS_NAME = db\n  x: |\n"),
        defect(C::LicenceInConfigMap, "\ndata:\n", "\ndata:\n  license: x\n"),
        defect(C::NoChecksum, "        checksum/aku-conf:", "        other:"),
        defect(C::OtherConf, "    AKU_ADDRESS_CHECK_COUNT = 60\n", "    AKU_ADDRESS_CHECK_COUNT = 61\n"),
        defect(C::OpenMode, "defaultMode: 292", "defaultMode: 0777"),
        defect(C::NoBudget, budget, "kind: Thing"),
        defect(C::Budget, "  maxUnavailable: 1", "  maxUnavailable: 2"),
        defect(C::Budget, "  maxUnavailable: 1", "  maxUnavailable: 1\n  minAvailable: 1"),
        defect(C::BudgetUnhealthy, "  unhealthyPodEvictionPolicy: AlwaysAllow\n", ""),
        without(C::NoSpread, "      topologySpreadConstraints:"),
        defect(C::HardSpread, "ScheduleAnyway", "DoNotSchedule"),
        defect(C::Retention, "whenScaled: Retain", "whenScaled: Delete"),
        defect(C::Retention, "whenDeleted: Retain", "whenDeleted: Delete"),
        defect(C::AccessMode, "          - ReadWriteOnce", "          - ReadWriteMany"),
        defect(C::EmptyDir, volumes, "      volumes:\n        - name: scratch\n          emptyDir: {}\n"),
        without(C::NoVolume, "  volumeClaimTemplates:"),
        defect(C::NoVolume, "altibase_home/dbs\n", "altibase_home/other\n"),
        defect(C::NoVolume, "altibase_home/logs\n", "altibase_home/other\n"),
        defect(
            C::NoVolume,
            "            - --server-stop=120s\n",
            "            - --server-stop=120s\n            - --data=/data\n",
        ),
        defect(
            C::NoVolume,
            "            - name: data\n              mountPath: /home/altibase/altibase_home/dbs\n",
            "            - name: date\n              mountPath: /home/altibase/altibase_home/dbs\n",
        ),
        defect(
            C::SharedVolume,
            "  # Kubernetes refuses to change this part later; docs/kubernetes.md tells how disks grow.\n  volumeClaimTemplates:",
            "        - name: one\n          persistentVolumeClaim:\n            claimName: one\nstatus:",
        ),
        defect(C::CpuLimit, "            limits:\n", "            limits:\n              cpu: 2\n"),
        defect(
            C::Memory,
            "            limits:\n              memory: 4Gi",
            "            limits:\n              memory: 5Gi",
        ),
        defect(C::RunsAsRoot, "        runAsUser: 1000", "        runAsUser: 0"),
        defect(C::RunsAsRoot, "        runAsNonRoot: true\n", ""),
        defect(C::Escalation, "            allowPrivilegeEscalation: false\n", ""),
        defect(C::Capabilities, container_security, ""),
        defect(C::Capabilities, container_security, "            capabilities: {drop: [ALL], add: [IPC_LOCK]}\n"),
        defect(C::Seccomp, "        seccompProfile:\n          type: RuntimeDefault\n", ""),
        defect(
            C::Privileged,
            "            allowPrivilegeEscalation: false\n",
            "            allowPrivilegeEscalation: false\n            privileged: true\n",
        ),
        defect(C::Token, "      automountServiceAccountToken: false\n", ""),
        defect(C::HostPath, volumes, "      volumes:\n        - name: host\n          hostPath: {path: /x}\n"),
        defect(
            C::Rbac,
            "apiVersion: v1\nkind: ConfigMap",
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: x\n---\napiVersion: v1\nkind: ConfigMap",
        ),
        defect(
            C::Sysctls,
            "        runAsNonRoot: true\n",
            "        runAsNonRoot: true\n        sysctls: [{name: kernel.sem, value: \"1\"}]\n",
        ),
        defect(C::HostnameAsFqdn, volumes, "      setHostnameAsFQDN: true\n      volumes:\n"),
        defect(C::HostnameOverride, volumes, "      hostnameOverride: x\n      volumes:\n"),
        defect(C::HostNetwork, volumes, "      hostNetwork: true\n      volumes:\n"),
        defect(C::SharedProcesses, volumes, "      shareProcessNamespace: true\n      volumes:\n"),
        defect(C::HostNamespaces, volumes, "      hostPID: true\n      volumes:\n"),
    ]
}

/// Those that another `aku.conf` makes, with the manifests of the good one.
pub(super) fn other_conf() -> Vec<(Code, ClusterSpec)> {
    vec![
        (Code::ServiceName, ClusterSpec { service: "altibase-sts-client".into(), ..spec() }),
        (Code::AddressChecks, ClusterSpec { address_check: 59, ..spec() }),
        (Code::DuplicateHosts, ClusterSpec { groups: 2, ..spec() }),
        (
            Code::ConflictRule,
            ClusterSpec { conflict_properties: vec!["REPLICATION_TIMESTAMP_RESOLUTION".into()], ..spec() },
        ),
        (Code::ResetAtEnd, ClusterSpec { at_end: AtEnd::Reset, ..spec() }),
    ]
}
