//! Every rule: its code, how bad a breach is, why it is a rule, and what to do. Codes are public and never reused.

use super::Severity::{self, Error, Warning};

/// Declares the codes in one place.
macro_rules! codes {
    ($($name:ident $word:literal $severity:ident $why:literal, $fix:literal;)*) => {
        /// A rule of `aku k8s lint`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)] // `why` says it.
        pub enum Code { $($name),* }

        impl Code {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code, e.g. `K101`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// How bad a breach is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => $severity),* }
            }

            /// Why it is a rule.
            #[must_use]
            pub fn why(self) -> &'static str {
                match self { $(Self::$name => $why),* }
            }

            /// Both.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Self::$name => concat!($why, " ", $fix)),* }
            }

            /// What to do.
            #[must_use]
            pub fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix),* }
            }
        }
    };
}

codes! {
    Unreadable "K001" Error
        "A file that cannot be read was not judged: nothing is known of it.",
        "Make it YAML that kubectl reads. A template of Helm is none: judge what helm template prints.";
    NoObject "K002" Error
        "A document without kind is no object of Kubernetes; nobody knows what it was meant to be.",
        "Give it apiVersion, kind and metadata.name, or take it out.";
    NotAField "K003" Error
        "No field of Kubernetes begins with a capital letter: an API server refuses it or drops it without a word.",
        "Begin it with a small letter.";
    Misspelt "K004" Error
        "An API server refuses a field that it does not know, or drops it without a word: what it should say is not said.",
        "Correct the word; the message names the field that is nearest.";
    UnknownField "K005" Warning
        "No Kubernetes up to 1.37 knows the field: an API server refuses it, or drops it without a word.",
        "Take it out, unless your Kubernetes is newer and knows it.";

    Name "K101" Error
        "The pods are found by the name of the StatefulSet: another name, and no pod finds another.",
        "Make metadata.name what AKU_STS_NAME says, or change aku.conf.";
    ServiceName "K102" Error
        "Pods look each other up as <pod>.<AKU_SVC_NAME>; the StatefulSet gives them names below serviceName.",
        "Make spec.serviceName what AKU_SVC_NAME says, or change aku.conf.";
    Replicas "K103" Error
        "No pod has replications for one beyond AKU_SERVER_COUNT; its start is refused, and it holds up what comes after.",
        "Lower spec.replicas, or raise AKU_SERVER_COUNT on all pods first.";
    Parallel "K104" Error
        "A pod joins from pods that are there. In Parallel all of them copy from each other at once.",
        "Set spec.podManagementPolicy: OrderedReady. It cannot be changed later: delete with --cascade=orphan, create.";
    Ordinals "K105" Error
        "Pod 0 is the master of aku. Without a pod 0 nobody can join.",
        "Take spec.ordinals out.";
    MaxUnavailable "K106" Error
        "Several pods down at once can be the last two that have a row, and some releases of Kubernetes have the field \
         switched off or broken (1.35).",
        "Take spec.updateStrategy.rollingUpdate.maxUnavailable out; one at a time is the default.";
    NotStatefulSet "K107" Error
        "Only a StatefulSet gives pods stable names, their own volumes and an order; aku works by all three.",
        "Make it a StatefulSet: aku k8s manifests writes one.";
    BadName "K108" Error
        "Kubernetes refuses the name: lower case letters, digits, - and . only; 52 characters for a StatefulSet, because \
         its pods carry a label of it and a hash.",
        "Choose another name.";
    NoStatefulSet "K109" Error
        "Without the StatefulSet there is nothing to compare with aku.conf, so nothing is known to be right.",
        "Give the file with the StatefulSet, too.";
    VersionInSelector "K110" Warning
        "A selector cannot be changed: the next version would have to be a new StatefulSet.",
        "Take the version out of spec.selector; it may stay in the labels.";
    Selector "K111" Error
        "Kubernetes refuses a StatefulSet whose selector does not match the labels of its own pods.",
        "Make spec.selector.matchLabels a part of spec.template.metadata.labels.";

    NoPeerService "K201" Error
        "Without the headless Service of serviceName no pod has a name in DNS.",
        "Add a Service of the name AKU_SVC_NAME with clusterIP: None.";
    NotHeadless "K202" Error
        "An ordinary Service has one address for all pods; replication needs that of each.",
        "Set spec.clusterIP: None.";
    HidesNotReady "K203" Error
        "A pod that joins or ends is not ready. Without its name in DNS the others can neither send it rows nor take \
         them from it.",
        "Set spec.publishNotReadyAddresses: true.";
    PeerPorts "K204" Error
        "The ports have to be those of aku.conf: aku and the servers connect to them.",
        "List AKU_PORT_NO and AKU_REPLICATION_PORT_NO in spec.ports.";
    PeerSelector "K205" Error
        "A Service that selects no pod gives none a name.",
        "Make spec.selector a part of the labels of the pods.";
    NoClientService "K206" Warning
        "Clients that use the headless Service are sent to pods that join (and refuse them) or end (where what they \
         write could be lost).",
        "Add a second Service without publishNotReadyAddresses for clients.";
    ClientsSeeNotReady "K207" Error
        "This Service sends clients to pods that join or end; what is written to a pod that ends could be lost.",
        "Take publishNotReadyAddresses out of it; only the headless Service needs it.";
    AddressChecks "K208" Warning
        "DNS may keep a \"no such name\" for 30 s, and a pod that gives up before that fails its start.",
        "Set AKU_ADDRESS_CHECK_COUNT to 60 or more in aku.conf.";
    PolicyCloses "K209" Error
        "What no policy lets through is dropped: pods that do not reach each other neither join nor get rows, and keep log \
         for each other until the disk is full.",
        "Let the pods in from and out to each other on AKU_PORT_NO and AKU_REPLICATION_PORT_NO, and out to DNS (UDP 53).";
    PolicyUnseen "K210" Warning
        "Which pods an address or a namespace's label stands for is not in these files: whether the pods reach each other \
         cannot be told.",
        "Name the pods by podSelector.";

    Grace "K301" Error
        "What is not done when the grace period is over is killed: rows stay unsent, and the server recovers at its next \
         boot.",
        "Set terminationGracePeriodSeconds to what an end, the stop of the server and the hook need together.";
    GraceUntold "K302" Error
        "A pod cannot ask Kubernetes for its grace period. Without the right number aku ends too late, or gives up too \
         early.",
        "Give aku run --grace with terminationGracePeriodSeconds less the preStop sleep.";
    NoEnd "K303" Error
        "Without an end the others keep log for a pod that left, and what it had not sent is missing until it returns.",
        "Start the container with aku run, or run aku -p end in a preStop hook.";
    ShellFirst "K304" Warning
        "A shell hands no signal on, and runs a trap only when the command in the foreground is over: an end begins late \
         or never, and a loop after the trap runs until SIGKILL.",
        "Start the container with aku run.";
    ServerFirst "K305" Error
        "To the server SIGTERM is a crash: exit 255 without a checkpoint, and a hook that still ends the replication is \
         killed with it.",
        "Start the container with aku run, which stops the server by SIGINT after the end.";
    EntryUnseen "K306" Warning
        "What the image starts is not in these files, so nobody can tell from them that a pod ends in order.",
        "Write the command out: aku run -- altibase -n.";
    TwoEnds "K307" Warning
        "The hook and aku run both end the pod, and the time that the hook takes is missing from what aku run was told.",
        "Take the hook out; aku run ends the pod by itself.";
    SignalHeld "K308" Error
        "SIGTERM goes to the first process alone, and this one does not hand it on: aku run never ends the pod, and all is \
         killed when the grace period is over.",
        "Write exec before aku run, as the last command of the text, or start aku run without a shell.";
    ServerInShell "K309" Error
        "A shell that is signalled ends before its child does; with it ends the container, and the server is killed in the \
         middle of its stop.",
        "Write the server behind aku run --, without a shell, or exec before the server.";
    StopSignal "K310" Error
        "To Altibase SIGTERM and SIGQUIT are crashes: every stop of the pod ends without a checkpoint, and the next boot \
         recovers.",
        "Take --stop-signal and AKU_STOP_SIGNAL out; SIGINT, the default, stops the server in order.";
    RunFlag "K311" Error
        "aku run refuses a flag or a value that it does not know (exit 64): no pod starts.",
        "Correct it; aku run --help lists the flags.";
    CreatesDatabase "K312" Warning
        "For the first installation this is right. Left in, a pod whose volume got lost comes up with an empty database by \
         itself, instead of waiting for somebody to look.",
        "Take --create-database out when the pods are up; a scale-up to numbers that there never were needs it again.";

    NoStartup "K401" Error
        "Without a startup probe the next pod is made before this one has joined, and readiness probes hit a server that \
         boots.",
        "Add a startup probe: aku probe startup, or test -e /tmp/aku_start_completed.";
    StartupLimit "K402" Error
        "When the startup probe gives up, the pod is killed in the middle of its copy and begins from nothing, for ever.",
        "Raise failureThreshold: periodSeconds x failureThreshold has to exceed the longest join.";
    StartupMarker "K403" Error
        "Only the marker says that the pod has joined. A port is open as soon as the server boots.",
        "Probe with aku probe startup, or test -e /tmp/aku_start_completed.";
    NoReadiness "K404" Error
        "Without a readiness probe a pod that was closed for its end, or whose server died, gets clients.",
        "Add a readiness probe: aku probe ready, or test -e /tmp/aku_start_completed.";
    ReadinessMarker "K405" Error
        "Ready has to mean: joined and open. A port is open too early; a look at replication makes one slow peer hold up \
         all pods.",
        "Probe with aku probe ready, or test -e /tmp/aku_start_completed.";
    Liveness "K406" Error
        "A liveness probe that looks at more than the process restarts pods that join, or that others copy from; both \
         begin anew then.",
        "Take it out: the container ends when the server dies. Or: aku probe live, or tcpSocket with patience.";
    MarkerOnVolume "K407" Error
        "The marker has to vanish with the container. On a volume it outlives a restart: the pod is ready while its \
         server recovers, and gets clients.",
        "Mount nothing over the marker, /tmp/aku_start_completed or AKU_MARKER.";
    PostStart "K408" Error
        "A postStart hook has no order against the server, and its failure kills the container.",
        "Let aku run start the join, or the script that starts the server.";

    AdminMode "K501" Error
        "The server has to boot closed. Open, it takes clients before its rows are complete.",
        "Set the variable ALTIBASE_ADMIN_MODE to \"1\".";
    RemoteSysdba "K502" Error
        "aku on one pod works on the others while they are closed, as SYSDBA.",
        "Set the variable ALTIBASE_REMOTE_SYSDBA_ENABLE to \"1\".";
    ReplicationPort "K503" Error
        "The server listens for replication where this variable says, and its default is: not at all.",
        "Set the variable ALTIBASE_REPLICATION_PORT_NO to what AKU_REPLICATION_PORT_NO says.";
    SqlPort "K504" Error
        "aku connects to AKU_PORT_NO; the server listens where this variable says.",
        "Set the variable ALTIBASE_PORT_NO to what AKU_PORT_NO says.";
    Charset "K505" Warning
        "Without it a client takes US7ASCII, and names outside of it arrive as question marks.",
        "Set the variable ALTIBASE_NLS_USE, e.g. to UTF8.";
    PodName "K506" Warning
        "The number of a pod is read from its name; a host name can be changed by other settings.",
        "Set the variable POD_NAME from fieldRef metadata.name.";
    DuplicateHosts "K507" Error
        "Several groups have several replications to one host, which the server refuses by default.",
        "Set the variable ALTIBASE_REPLICATION_ALLOW_DUPLICATE_HOSTS to \"1\".";
    EnvUnseen "K508" Warning
        "Variables come from an object that is not in these files: whether they are right cannot be told.",
        "Give that file, too.";
    OtherPodName "K509" Error
        "aku takes POD_NAME before the host name: a pod that does not go by its own name starts not at all, or does the \
         work of another.",
        "Set the variable POD_NAME from fieldRef metadata.name.";
    ConflictRule "K510" Warning
        "CONFLICT = TIMESTAMP and REPLACE rest on properties of the server, and a pod without them is not opened (X229).",
        "Set the variable to \"1\", or the property in altibase.properties of the image.";

    PasswordInConfigMap "K601" Error
        "Everybody who may see pods may read a ConfigMap; it is in backups and in version control.",
        "Take AKU_SYS_PASSWORD out; put the password in a Secret and name its file in AKU_SYS_PASSWORD_FILE.";
    PasswordInEnv "K602" Error
        "The password stands in the manifest.",
        "Put it in a Secret, mount that, and name the file in AKU_SYS_PASSWORD_FILE.";
    PasswordVariable "K603" Warning
        "Every child process inherits variables, and they are in crash dumps.",
        "Mount the Secret and name the file in AKU_SYS_PASSWORD_FILE.";
    NoPassword "K604" Warning
        "Nothing in these files gives the password of SYS; it would have to be in the image.",
        "Mount a Secret and name the file in AKU_SYS_PASSWORD_FILE.";
    LicenceInConfigMap "K605" Warning
        "A licence is worth money, and a ConfigMap is readable by everybody who may see pods.",
        "Put it in a Secret.";
    NoChecksum "K606" Warning
        "Pods read aku.conf when they start. Without a checksum a change reaches each at another time, and the pods \
         disagree.",
        "Add an annotation checksum/aku-conf to the template of the pods, or put a hash in the name of the ConfigMap.";
    OtherConf "K607" Error
        "The aku.conf in this ConfigMap is not the one that these manifests were compared with.",
        "Give lint the same file (--conf), or write the ConfigMap anew.";
    OpenMode "K608" Warning
        "Others may write what is mounted with this mode.",
        "Set defaultMode to 0440, or 0550 for scripts.";
    ConfPath "K609" Error
        "Where AKU_CONF or --conf leads there is no file: aku starts no server without its aku.conf.",
        "Mount the ConfigMap with aku.conf, and let AKU_CONF name the file in it.";
    ConfUnseen "K610" Warning
        "The aku.conf of the pods is not in these files: whether it says what these manifests were compared with cannot be \
         told.",
        "Give the file with its ConfigMap, too.";
    PasswordPath "K611" Error
        "Where AKU_SYS_PASSWORD_FILE leads there is no file: aku cannot log in, and no pod joins.",
        "Mount the Secret, and let AKU_SYS_PASSWORD_FILE name the file in it.";

    NoBudget "K701" Warning
        "Without a PodDisruptionBudget drains of several nodes take several pods at once.",
        "Add a PodDisruptionBudget with maxUnavailable: 1.";
    Budget "K702" Warning
        "More than one at a time may be the last two that have a row; none at all makes drains hang.",
        "Set spec.maxUnavailable: 1 and no minAvailable.";
    BudgetUnhealthy "K703" Warning
        "A pod that hangs in its join would hold up a drain for ever; to evict it is safe.",
        "Set spec.unhealthyPodEvictionPolicy: AlwaysAllow.";
    NoSpread "K704" Warning
        "All pods may be on one node, and go with it.",
        "Add topologySpreadConstraints over kubernetes.io/hostname with ScheduleAnyway.";
    HardSpread "K705" Warning
        "A pod for which there is no node stays pending, and holds up all pods after it.",
        "Use ScheduleAnyway, or preferred anti-affinity.";
    Retention "K706" Error
        "A volume that is deleted may hold rows that no other pod has.",
        "Set persistentVolumeClaimRetentionPolicy to Retain for both, or take it out.";
    AccessMode "K707" Error
        "A second server on the same files destroys them, and the lock of the server does not hold over NFS.",
        "Use ReadWriteOnce, or ReadWriteOncePod where the driver has it.";
    EmptyDir "K708" Warning
        "kubectl drain refuses pods with an emptyDir, and what is in it does not survive the pod.",
        "Put it on the volume of the pod.";
    NoVolume "K709" Error
        "The rows are in the container's own layer: each restart of a pod deletes them.",
        "Add volumeClaimTemplates, and mount the volume at dbs, logs, arch_logs and trc below ALTIBASE_HOME.";
    ResetAtEnd "K710" Warning
        "With AKU_REPLICATION_RESET_AT_END = 1 each restart of a pod deletes its rows and copies all of them anew, in \
         every rolling update.",
        "Set AKU_REPLICATION_RESET_AT_END = 0, and run aku apply forget N after a scale-down for good.";
    CpuLimit "K711" Warning
        "A limit on CPU slows down the senders, and with them what the other pods wait for.",
        "Take the limit out; keep the request.";
    Ephemeral "K712" Warning
        "The volume of a pod that is scaled away is deleted. When its end was cut short, rows that it had not sent are \
         lost.",
        "Look at aku drift after a scale-down, or keep the volumes: whenScaled: Retain.";
    Memory "K713" Warning
        "A database that grows into memory it was not promised is killed, at the worst time.",
        "Set the same amount of memory as request and as limit.";
    SharedVolume "K714" Error
        "All pods of the template have the same volume: servers that write the same files destroy them.",
        "Use volumeClaimTemplates, which give each pod a volume of its own.";

    RunsAsRoot "K801" Error
        "The server needs no root, and the restricted profile refuses it.",
        "Set runAsNonRoot: true and a runAsUser that is not 0.";
    Escalation "K802" Error
        "The restricted profile refuses it.",
        "Set allowPrivilegeEscalation: false.";
    Capabilities "K803" Error
        "The restricted profile refuses them; the server needs none.",
        "Set capabilities.drop: [ALL].";
    Seccomp "K804" Error
        "The restricted profile asks for it.",
        "Set seccompProfile.type: RuntimeDefault.";
    Privileged "K805" Error
        "A privileged container owns the node.",
        "Take privileged out.";
    Token "K806" Warning
        "Nothing in the pod talks to Kubernetes; a token is only something to steal.",
        "Set automountServiceAccountToken: false.";
    HostPath "K807" Error
        "A directory of the node is not there when the pod moves, and the restricted profile refuses it.",
        "Use volumeClaimTemplates.";
    Rbac "K808" Warning
        "aku needs no permission of Kubernetes.",
        "Take the Role and its binding out, unless something else of yours needs them.";
    Sysctls "K809" Error
        "A kubelet that does not allow these refuses the pod. With IPC channels 0, the default, the server needs none.",
        "Take securityContext.sysctls out.";

    HostnameAsFqdn "K901" Error
        "It changes what hostname says, from which the number of the pod and the licence are read.",
        "Take setHostnameAsFQDN out.";
    HostnameOverride "K902" Error
        "It changes what hostname says, from which the number of the pod and the licence are read.",
        "Take hostnameOverride out.";
    HostNetwork "K903" Error
        "The pod has the name and the ports of the node then.",
        "Take hostNetwork out.";
    SharedProcesses "K904" Error
        "aku is not the first process then: it gets no SIGTERM, and cannot reap.",
        "Take shareProcessNamespace out.";
    HostNamespaces "K905" Error
        "The pod sees the processes or the shared memory of the node; the restricted profile refuses it.",
        "Take hostPID and hostIPC out.";
}
