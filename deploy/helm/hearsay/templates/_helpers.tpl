{{- define "hearsay.labels" -}}
app.kubernetes.io/name: hearsay
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "hearsay.selector" -}}
app.kubernetes.io/name: hearsay
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hearsay.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* The pod of one part of the program. Takes root and part. */}}
{{- define "hearsay.pod" -}}
{{- $values := .root.Values -}}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 20
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
containers:
  - name: {{ .part }}
    image: {{ include "hearsay.image" .root }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    args: [{{ .part }}]
    envFrom:
      - secretRef: {name: {{ $values.existingSecret }}}
    env:
      - {name: HEARSAY_HOME, value: /var/lib/hearsay}
      {{- if $values.ingress.enabled }}
      - {name: WEB_HOST, value: 0.0.0.0}
      - {name: WEB_HOSTS, value: {{ $values.ingress.host | quote }}}
      - {name: TRUSTED_PROXIES, value: {{ $values.ingress.trustedProxies | quote }}}
      {{- end }}
      {{- range $name, $value := $values.settings }}
      - {name: {{ $name }}, value: {{ $value | quote }}}
      {{- end }}
    ports:
      - {name: http, containerPort: 8765}
    startupProbe:
      exec: {command: [hearsay, health, --live]}
      periodSeconds: 5
      timeoutSeconds: 20
      failureThreshold: 24
    livenessProbe:
      exec: {command: [hearsay, health, --live]}
      periodSeconds: 30
      timeoutSeconds: 20
      failureThreshold: 4
    readinessProbe:
      exec: {command: [hearsay, health]}
      periodSeconds: 30
      timeoutSeconds: 20
    resources: {{ toJson $values.resources }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: home, mountPath: /var/lib/hearsay}
      - {name: tmp, mountPath: /tmp}
volumes:
  - name: tmp
    emptyDir: {sizeLimit: 256Mi}
{{- if $values.scaled }}
  # Nothing to keep: the database is elsewhere, and so is the key.
  - name: home
    emptyDir: {sizeLimit: 16Mi}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with $values.affinity }}
affinity: {{ toJson . }}
{{- end }}
{{- end }}
