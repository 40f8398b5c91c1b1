package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	components "github.com/dapr/dapr/pkg/apis/components/v1alpha1"
	resiliency "github.com/dapr/dapr/pkg/apis/resiliency/v1alpha1"
	subscriptions "github.com/dapr/dapr/pkg/apis/subscriptions/v2alpha1"
	keda "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// pods makes every pod that a folder leads to, as it runs: the NATS servers, or the app with daprd.
func pods(t *testing.T, folder string) []*corev1.Pod {
	t.Helper()
	if folder != "nats" {
		return []*corev1.Pod{injected(t, folder)}
	}
	template := only[appsv1.StatefulSet](t, render(t, folder)).Spec.Template
	return []*corev1.Pod{{ObjectMeta: template.ObjectMeta, Spec: template.Spec}}
}

func selects(t *testing.T, selector *metav1.LabelSelector, pod *corev1.Pod) bool {
	t.Helper()
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Matches(labels.Set(pod.Labels))
}

// ports maps the names of a pod's ports to their numbers.
func ports(pod *corev1.Pod) map[string]int32 {
	found := map[string]int32{}
	for _, container := range containers(pod) {
		for _, port := range container.Ports {
			found[port.Name] = port.ContainerPort
		}
	}
	return found
}

func secret(t *testing.T) *corev1.Secret {
	t.Helper()
	path := filepath.Join(root, "base/secret.example.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return only[corev1.Secret](t, decode(t, path, text))
}

func TestNamesWithinAPodLeadSomewhere(t *testing.T) {
	for _, folder := range append([]string{"nats"}, ways...) {
		pod := pods(t, folder)[0]
		volumes := map[string]bool{}
		for _, volume := range pod.Spec.Volumes {
			if volumes[volume.Name] {
				t.Errorf("%s: two volumes %s", folder, volume.Name)
			}
			volumes[volume.Name] = true
		}
		if folder == "nats" {
			for _, claim := range only[appsv1.StatefulSet](t, render(t, folder)).Spec.VolumeClaimTemplates {
				volumes[claim.Name] = true
			}
		}
		names := map[string]bool{}
		mounted := map[string]bool{}
		for _, container := range containers(pod) {
			at := folder + ": " + container.Name
			if names[container.Name] {
				t.Errorf("%s: twice in the pod", at)
			}
			names[container.Name] = true
			paths := map[string]bool{}
			for _, mount := range container.VolumeMounts {
				mounted[mount.Name] = true
				if !volumes[mount.Name] {
					t.Errorf("%s mounts the volume %s, which is not there", at, mount.Name)
				}
				if paths[mount.MountPath] {
					t.Errorf("%s: two mounts at %s", at, mount.MountPath)
				}
				paths[mount.MountPath] = true
			}
			variables := map[string]bool{}
			for _, one := range container.Env {
				if variables[one.Name] {
					t.Errorf("%s: the variable %s twice", at, one.Name)
				}
				variables[one.Name] = true
				if one.ValueFrom != nil && one.ValueFrom.SecretKeyRef != nil {
					wantSecret(t, at, one.ValueFrom.SecretKeyRef.Name, one.ValueFrom.SecretKeyRef.Key)
				}
			}
			own := map[string]bool{}
			for _, port := range container.Ports {
				own[port.Name] = true
			}
			for _, probe := range []*corev1.Probe{container.StartupProbe, container.LivenessProbe, container.ReadinessProbe} {
				if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Port.Type != intstr.String {
					continue
				}
				if !own[probe.HTTPGet.Port.StrVal] {
					t.Errorf("%s: a probe asks the port %q, which the container does not have", at, probe.HTTPGet.Port.StrVal)
				}
			}
		}
		for volume := range volumes {
			if !mounted[volume] {
				t.Errorf("%s: nobody mounts the volume %s", folder, volume)
			}
		}
	}
}

func wantSecret(t *testing.T, at, name, key string) {
	t.Helper()
	example := secret(t)
	if _, has := example.StringData[key]; name != example.Name || !has {
		t.Errorf("%s: the Secret %s with the key %s is not in secret.example.yaml", at, name, key)
	}
}

func TestTheComponentPortIsTheOneItListensOn(t *testing.T) {
	for _, way := range ways {
		one := container(t, injected(t, way), name)
		want := fmt.Sprint(ports(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{one}}})["component-http"])
		if got := variable(one, "DAPR_NATS_JETSTREAM_HTTP_PORT"); got != want {
			t.Errorf("%s: it listens on %q, its port is %s", way, got, want)
		}
	}
}

func TestSecretsAreTakenFromTheExampleAndHoldPlaceholders(t *testing.T) {
	if password := secret(t).StringData["password"]; !strings.HasPrefix(password, "REPLACE-ME") {
		t.Errorf("the password of the example could be a real one: %q", password)
	}
	for _, way := range ways {
		objects := render(t, way)
		component := only[components.Component](t, objects)
		if component.SecretStore != "kubernetes" {
			t.Errorf("%s: the secret store is %q", way, component.SecretStore)
		}
		for _, field := range component.Spec.Metadata {
			secretField := field.Name == "password" || field.Name == "username"
			if secretField != (field.SecretKeyRef.Name != "") {
				t.Errorf("%s: %s: from a Secret: %v", way, field.Name, !secretField)
			}
			if secretField {
				wantSecret(t, way, field.SecretKeyRef.Name, field.SecretKeyRef.Key)
			}
		}
		if len(all[corev1.Secret](objects)) > 0 {
			t.Errorf("%s applies a Secret: it would overwrite the real one with placeholders", way)
		}
	}
}

func TestSelectorsSelectThePods(t *testing.T) {
	for _, folder := range append([]string{"nats"}, ways...) {
		objects := render(t, folder)
		pod := pods(t, folder)[0]
		check := func(object metav1.Object, selector *metav1.LabelSelector) {
			t.Helper()
			if selector == nil || len(selector.MatchLabels) == 0 || !selects(t, selector, pod) {
				t.Errorf("%s: the selector of %T %s does not select the pods", folder, object, object.GetName())
			}
		}
		for _, one := range all[appsv1.Deployment](objects) {
			check(one, one.Spec.Selector)
		}
		for _, one := range all[appsv1.StatefulSet](objects) {
			check(one, one.Spec.Selector)
			for _, spread := range one.Spec.Template.Spec.TopologySpreadConstraints {
				check(one, spread.LabelSelector)
			}
		}
		only[policyv1.PodDisruptionBudget](t, objects)
		for _, one := range all[policyv1.PodDisruptionBudget](objects) {
			check(one, one.Spec.Selector)
		}
		only[networkingv1.NetworkPolicy](t, objects)
		for _, one := range all[networkingv1.NetworkPolicy](objects) {
			check(one, &one.Spec.PodSelector)
		}
		for _, one := range all[corev1.Service](objects) {
			check(one, &metav1.LabelSelector{MatchLabels: one.Spec.Selector})
			for _, port := range one.Spec.Ports {
				if ports(pod)[port.TargetPort.StrVal] != port.Port {
					t.Errorf("%s: Service %s: the port %s leads to none of the pod", folder, one.Name, port.Name)
				}
			}
		}
		for _, one := range all[monitoring.PodMonitor](render(t, "monitoring")) {
			if folder == "nats" {
				continue
			}
			check(one, &one.Spec.Selector)
			for _, endpoint := range one.Spec.PodMetricsEndpoints {
				if _, has := ports(pod)[endpoint.Port]; !has {
					t.Errorf("%s: the PodMonitor names the port %q, which the pod does not have", folder, endpoint.Port)
				}
			}
		}
	}
}

// What the policy of one side lets out, that of the other has to let in.
func TestPoliciesLetThroughWhatIsNeeded(t *testing.T) {
	server := pods(t, "nats")[0]
	for _, way := range ways {
		pod := injected(t, way)
		policy := only[networkingv1.NetworkPolicy](t, render(t, way))
		if !allows(t, policy.Spec.Egress[0].To, policy.Spec.Egress[0].Ports, "nats", server, ports(server)["client"]) {
			t.Errorf("%s: the pod may not connect to NATS", way)
		}
		for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
			if !slices.ContainsFunc(policy.Spec.Egress, func(rule networkingv1.NetworkPolicyEgressRule) bool {
				return slices.ContainsFunc(rule.To, func(peer networkingv1.NetworkPolicyPeer) bool {
					return peer.IPBlock != nil && peer.IPBlock.CIDR == "169.254.20.10/32"
				}) && slices.ContainsFunc(rule.Ports, func(one networkingv1.NetworkPolicyPort) bool {
					return one.Port.IntVal == 53 && *one.Protocol == protocol
				})
			}) {
				t.Errorf("%s: the pod may not ask a NodeLocal DNSCache by %s", way, protocol)
			}
		}
		for _, port := range []string{"component-http", "dapr-metrics"} {
			if !letsIn(t, policy, "monitoring", &corev1.Pod{}, ports(pod)[port]) {
				t.Errorf("%s: Prometheus may not ask the port %s", way, port)
			}
		}
		if !letsIn(t, policy, "elsewhere", pod, ports(pod)["dapr-internal"]) {
			t.Errorf("%s: another daprd may not invoke the app", way)
		}
		if !letsOut(t, policy, "elsewhere", pod, ports(pod)["dapr-internal"]) {
			t.Errorf("%s: the app may not invoke another one", way)
		}
		if letsOut(t, policy, "elsewhere", &corev1.Pod{}, 443) {
			t.Errorf("%s: the pod may talk to anybody", way)
		}
		if letsIn(t, policy, "elsewhere", pod, ports(pod)["dapr-http"]) {
			t.Errorf("%s: anybody may use daprd's API", way)
		}
		natsPolicy := only[networkingv1.NetworkPolicy](t, render(t, "nats"))
		if !letsIn(t, natsPolicy, "orders", pod, ports(server)["client"]) {
			t.Errorf("%s: NATS does not let the pod in", way)
		}
		if !letsIn(t, natsPolicy, "nats", server, ports(server)["cluster"]) {
			t.Error("the NATS servers may not talk to each other")
		}
		if !letsIn(t, natsPolicy, "keda", &corev1.Pod{}, ports(server)["monitor"]) {
			t.Error("KEDA may not ask NATS")
		}
		if letsIn(t, natsPolicy, "elsewhere", pod, ports(server)["client"]) {
			t.Error("NATS lets in anybody")
		}
	}
}

// What is commented out in the policy, for its reader to begin with.
func TestTheExampleInThePolicyLetsTheAppReachMore(t *testing.T) {
	path := filepath.Join(root, "base/network-policy.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile(`(?m)^    # (- to:|  )`).ReplaceAll(text, []byte("    $1"))
	before := only[networkingv1.NetworkPolicy](t, decode(t, path, text))
	policy := only[networkingv1.NetworkPolicy](t, decode(t, path, example))
	if letsOut(t, before, "db", &corev1.Pod{}, 5432) || !letsOut(t, policy, "db", &corev1.Pod{}, 5432) {
		t.Error("it is not the example that opens the way to the database")
	}
	if more := len(policy.Spec.Egress) - len(before.Spec.Egress); more != 2 {
		t.Errorf("the example has %d rules, not 2", more)
	}
}

func letsOut(t *testing.T, policy *networkingv1.NetworkPolicy, namespace string, pod *corev1.Pod, port int32) bool {
	t.Helper()
	return slices.ContainsFunc(policy.Spec.Egress, func(rule networkingv1.NetworkPolicyEgressRule) bool {
		return allows(t, rule.To, rule.Ports, namespace, pod, port)
	})
}

func letsIn(t *testing.T, policy *networkingv1.NetworkPolicy, namespace string, pod *corev1.Pod, port int32) bool {
	t.Helper()
	return slices.ContainsFunc(policy.Spec.Ingress, func(rule networkingv1.NetworkPolicyIngressRule) bool {
		own := make([]networkingv1.NetworkPolicyPeer, len(rule.From))
		for i, peer := range rule.From {
			own[i] = peer
			if peer.NamespaceSelector == nil {
				own[i].NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": policy.Namespace}}
			}
		}
		return allows(t, own, rule.Ports, namespace, pod, port)
	})
}

// allows tells whether a rule is for a port, and for a pod of a namespace.
func allows(t *testing.T, peers []networkingv1.NetworkPolicyPeer, of []networkingv1.NetworkPolicyPort, namespace string, pod *corev1.Pod, port int32) bool {
	t.Helper()
	in := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"kubernetes.io/metadata.name": namespace}}}
	peer := slices.ContainsFunc(peers, func(peer networkingv1.NetworkPolicyPeer) bool {
		return peer.NamespaceSelector != nil && selects(t, peer.NamespaceSelector, in) &&
			(peer.PodSelector == nil || selects(t, peer.PodSelector, pod))
	})
	return peer && slices.ContainsFunc(of, func(one networkingv1.NetworkPolicyPort) bool { return one.Port.IntVal == port })
}

// value is a field of a Component that is not from a Secret.
func value(t *testing.T, component *components.Component, name string) string {
	t.Helper()
	for _, field := range component.Spec.Metadata {
		if field.Name == name {
			return field.Value.String()
		}
	}
	t.Fatalf("the Component has no field %s", name)
	return ""
}

func TestDaprsResourcesNameEachOther(t *testing.T) {
	for _, way := range ways {
		objects := render(t, way)
		app := podOf(t, objects).Annotations["dapr.io/app-id"]
		component := only[components.Component](t, objects)
		subscription := only[subscriptions.Subscription](t, objects)
		policies := only[resiliency.Resiliency](t, objects)
		for kind, scopes := range map[string][]string{
			"Component": component.Scopes, "Subscription": subscription.Scopes, "Resiliency": policies.Scopes,
		} {
			if !slices.Equal(scopes, []string{app}) {
				t.Errorf("%s: the %s is for %v, the app is %s", way, kind, scopes, app)
			}
		}
		if component.Spec.IgnoreErrors {
			t.Errorf("%s: a daprd that is faster than the component would run without it", way)
		}
		if subscription.Spec.Pubsubname != component.Name {
			t.Errorf("%s: the Subscription is of %q", way, subscription.Spec.Pubsubname)
		}
		subjects := strings.Split(value(t, component, "streamSubjects"), ",")
		for _, topic := range []string{
			subscription.Spec.Topic, value(t, component, "deadLetterSubject"),
		} {
			if !slices.Contains(subjects, topic) {
				t.Errorf("%s: the stream does not take %q", way, topic)
			}
		}
		if subscription.Spec.DeadLetterTopic != "" {
			t.Errorf("%s: daprd puts dead letters aside itself, which no alert sees", way)
		}
		spec := policies.Spec
		target, has := spec.Targets.Components[component.Name]
		if !has {
			t.Errorf("%s: the Resiliency is not for the Component", way)
		}
		if target.Inbound != (resiliency.PolicyNames{}) {
			t.Errorf("%s: daprd holds up the next messages while it tries again itself", way)
		}
		if _, has := spec.Policies.Retries[target.Outbound.Retry]; !has {
			t.Errorf("%s: there is no retry policy %q", way, target.Outbound.Retry)
		}
		if _, has := spec.Policies.Timeouts[target.Outbound.Timeout]; !has {
			t.Errorf("%s: there is no timeout %q", way, target.Outbound.Timeout)
		}
	}
}

func TestTheNatsServersFindEachOtherAndAreFound(t *testing.T) {
	objects := render(t, "nats")
	set := only[appsv1.StatefulSet](t, objects)
	config := only[corev1.ConfigMap](t, objects)
	server := pods(t, "nats")[0]

	var routes []string
	for i := range *set.Spec.Replicas {
		routes = append(routes, fmt.Sprintf("nats://%s-%d.%s:%d", set.Name, i, set.Spec.ServiceName, ports(server)["cluster"]))
	}
	if got := regexp.MustCompile(`nats://\S+`).FindAllString(config.Data["nats.conf"], -1); !slices.Equal(got, routes) {
		t.Errorf("the routes are %v, the servers %v", got, routes)
	}
	if volume := set.Spec.Template.Spec.Volumes[0]; volume.ConfigMap == nil || volume.ConfigMap.Name != config.Name {
		t.Errorf("the pods do not mount the ConfigMap %s", config.Name)
	}
	byName := map[string]*corev1.Service{}
	for _, one := range all[corev1.Service](objects) {
		byName[one.Name] = one
	}
	peers := byName[set.Spec.ServiceName]
	if peers == nil || peers.Spec.ClusterIP != corev1.ClusterIPNone || !peers.Spec.PublishNotReadyAddresses {
		t.Error("there is no headless Service that names servers before they are ready")
	}
	for _, way := range ways {
		component := only[components.Component](t, render(t, way))
		service := byName["nats"]
		want := fmt.Sprintf("nats://%s.%s.svc:%d", service.Name, service.Namespace, service.Spec.Ports[0].Port)
		if got := value(t, component, "natsURL"); got != want {
			t.Errorf("%s: natsURL is %s, the servers are at %s", way, got, want)
		}
		if got := value(t, component, "streamReplicas"); got != fmt.Sprint(*set.Spec.Replicas) {
			t.Errorf("%s: %s replicas of the stream on %d servers", way, got, *set.Spec.Replicas)
		}
	}
}

// In a cluster KEDA asks http://<server name>.<endpoint>, once it knows who leads the consumer. That the
// consumer's name is the one the component gives it is tested where the code for that is, in deploy.test.ts.
func TestKedaWatchesTheConsumerOfTheApp(t *testing.T) {
	scaled := only[keda.ScaledObject](t, render(t, "keda"))
	trigger := scaled.Spec.Triggers[0]
	set := only[appsv1.StatefulSet](t, render(t, "nats"))
	port := ports(pods(t, "nats")[0])["monitor"]
	want := fmt.Sprintf("%s.%s.svc.cluster.local:%d", set.Spec.ServiceName, set.Namespace, port)
	if got := trigger.Metadata["natsServerMonitoringEndpoint"]; trigger.Type != "nats-jetstream" || got != want {
		t.Errorf("%s asks %q, the servers are at %q", trigger.Type, got, want)
	}
	for _, way := range ways {
		objects := render(t, way)
		deployment := only[appsv1.Deployment](t, objects)
		if scaled.Spec.ScaleTargetRef.Name != deployment.Name || scaled.Namespace != deployment.Namespace {
			t.Errorf("%s: the ScaledObject scales %q", way, scaled.Spec.ScaleTargetRef.Name)
		}
		if got := value(t, only[components.Component](t, objects), "streamName"); got != trigger.Metadata["stream"] {
			t.Errorf("%s: the stream is %q, KEDA watches %q", way, got, trigger.Metadata["stream"])
		}
		if *scaled.Spec.MinReplicaCount < *deployment.Spec.Replicas {
			t.Errorf("%s: KEDA may scale below the %d replicas of the Deployment", way, *deployment.Spec.Replicas)
		}
	}
}
