{{/* What Helm adds to the labels of the objects. Selectors have none of it: they never change. */}}
{{- define "aku.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Names, ports and times of this chart come from aku.conf: another aku.conf needs another chart. */}}
{{- define "aku.guard" -}}
{{- if ne (.Files.Get "files/aku.conf" | sha256sum) "@CHECKSUM@" }}
{{- fail "files/aku.conf is not the one that this chart was written for. Write the chart anew: aku k8s chart DIR --conf aku.conf" }}
{{- end }}
{{- end }}

{{/* What an end takes (aku validate), the stop of the server, and the hook. A value may only add to it. */}}
{{- define "aku.grace" -}}
{{- $needed := add @END@ (int .Values.serverStopSeconds) (int .Values.preStopSleepSeconds) }}
{{- $given := int .Values.terminationGracePeriodSeconds }}
{{- if and $given (lt $given (int $needed)) }}
{{- fail (printf "terminationGracePeriodSeconds: %d is less than the %d s that an end, the stop of the server and the hook may take" $given (int $needed)) }}
{{- end }}
{{- $given | default $needed }}
{{- end }}
