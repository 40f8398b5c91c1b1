package deploy

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	components "github.com/dapr/dapr/pkg/apis/components/v1alpha1"
	"github.com/dapr/dapr/pkg/components/pluggable"
	"github.com/dapr/dapr/pkg/injector/annotations"
	injector "github.com/dapr/dapr/pkg/injector/consts"
	"github.com/dapr/dapr/pkg/injector/patcher"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

const name = "dapr-nats-jetstream"

// inject does to a pod what Dapr's injector does, with the settings that its Helm chart has by default.
func inject(t *testing.T, pod *corev1.Pod, found ...*components.Component) *corev1.Pod {
	t.Helper()
	sidecar := patcher.NewSidecarConfig(pod)
	sidecar.GetInjectedComponentContainers = func(appID, namespace string) ([]corev1.Container, error) {
		var inNamespace []components.Component
		for _, component := range found {
			if component.Namespace == namespace {
				inNamespace = append(inNamespace, *component)
			}
		}
		return patcher.Injectable(appID, inNamespace), nil
	}
	sidecar.Namespace = "orders"
	sidecar.SidecarImage = "daprd"
	sidecar.ImagePullPolicy = corev1.PullIfNotPresent
	sidecar.MTLSEnabled = true
	sidecar.ControlPlaneNamespace = "dapr-system"
	sidecar.RunAsNonRoot = true
	sidecar.ReadOnlyRootFilesystem = true
	sidecar.SetFromPodAnnotations()
	patch, err := sidecar.GetPatch()
	if err != nil {
		t.Fatal(err)
	}
	patched, err := patcher.PatchPod(pod, patch)
	if err != nil {
		t.Fatal(err)
	}
	return patched
}

// podOf makes the pod of a way's Deployment, as the injector gets it.
func podOf(t *testing.T, objects []any) *corev1.Pod {
	t.Helper()
	template := only[appsv1.Deployment](t, objects).Spec.Template.DeepCopy()
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Namespace = "orders"
	return pod
}

// injected makes the pod of a way as it runs.
func injected(t *testing.T, way string) *corev1.Pod {
	t.Helper()
	objects := render(t, way)
	return inject(t, podOf(t, objects), all[components.Component](objects)...)
}

// containers lists those of a pod, first the ones that are started first.
func containers(pod *corev1.Pod) []corev1.Container {
	return slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
}

func container(t *testing.T, pod *corev1.Pod, name string) corev1.Container {
	t.Helper()
	for _, one := range containers(pod) {
		if one.Name == name {
			return one
		}
	}
	t.Fatalf("the pod has no container %s", name)
	return corev1.Container{}
}

func variable(of corev1.Container, name string) string {
	for _, one := range of.Env {
		if one.Name == name {
			return one.Value
		}
	}
	return ""
}

// daprdFolder asks daprd's own code where it looks for sockets with the environment of a container.
func daprdFolder(t *testing.T, daprd corev1.Container) string {
	t.Helper()
	value := variable(daprd, pluggable.SocketFolderEnvVar)
	// Also puts it back afterwards.
	t.Setenv(pluggable.SocketFolderEnvVar, value)
	if value == "" {
		os.Unsetenv(pluggable.SocketFolderEnvVar)
	}
	return pluggable.GetSocketFolderPath()
}

// componentFolder is where the component serves its socket, as its --help says.
func componentFolder(component corev1.Container) string {
	for _, name := range []string{
		"DAPR_NATS_JETSTREAM_SOCKET_FOLDER",
		"DAPR_COMPONENTS_SOCKETS_FOLDER",
		"DAPR_COMPONENT_SOCKETS_FOLDER",
	} {
		if value := variable(component, name); value != "" {
			return value
		}
	}
	return "/tmp/dapr-components-sockets"
}

// volumeAt names the volume that a container can write to at a path.
func volumeAt(of corev1.Container, path string) string {
	for _, one := range of.VolumeMounts {
		if one.MountPath == path && !one.ReadOnly {
			return one.Name
		}
	}
	return ""
}

func TestDaprdAndTheComponentShareTheFolderOfTheSockets(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			pod := injected(t, way)
			daprd, component := container(t, pod, "daprd"), container(t, pod, name)
			ours := volumeAt(component, componentFolder(component))
			theirs := volumeAt(daprd, daprdFolder(t, daprd))
			if ours == "" || ours != theirs {
				t.Errorf("the component writes its socket to the volume %q, daprd looks in %q", ours, theirs)
			}
			if way == "native-sidecar" {
				return
			}
			for _, one := range []corev1.Container{daprd, component} {
				if got := variable(one, injector.ComponentsUDSMountPathEnvVar); got != injector.ComponentsUDSDefaultFolder {
					t.Errorf("%s: %s is %q", one.Name, injector.ComponentsUDSMountPathEnvVar, got)
				}
			}
		})
	}
}

func TestTheComponentIsStartedBeforeDaprdWhereThatCanBe(t *testing.T) {
	for way, before := range map[string]bool{"injected": false, "sidecar": true, "native-sidecar": true} {
		pod := injected(t, way)
		of := func(name string) int {
			return slices.IndexFunc(containers(pod), func(one corev1.Container) bool { return one.Name == name })
		}
		if got := of(name) < of("daprd"); got != before {
			t.Errorf("%s: the component comes before daprd: %v", way, got)
		}
	}
	pod := injected(t, "native-sidecar")
	always := corev1.ContainerRestartPolicyAlways
	for _, one := range pod.Spec.InitContainers {
		if one.RestartPolicy == nil || *one.RestartPolicy != always {
			t.Errorf("native-sidecar: %s does not go on running beside the app", one.Name)
		}
	}
	if len(pod.Spec.InitContainers) != 2 || pod.Spec.InitContainers[0].StartupProbe == nil {
		t.Error("native-sidecar: nothing holds daprd back until the component answers")
	}
}

// The injector drops a misspelt field of the annotation without a word.
func TestTheAnnotationIsAContainerAndArrivesWhole(t *testing.T) {
	objects := render(t, "injected")
	text := only[components.Component](t, objects).Annotations[annotations.KeyPluggableComponentContainer]
	var written corev1.Container
	strictly(t, "the annotation", []byte(text), &written)
	if pod := podOf(t, objects); len(pod.Spec.Containers) != 1 {
		t.Errorf("the pod has %d containers before the injector, not the app alone", len(pod.Spec.Containers))
	}
	if got := own(container(t, injected(t, "injected"), name)); !same(got, written) {
		t.Errorf("written:\n%s\narrived:\n%s", asJSON(written), asJSON(got))
	}
}

// But for the hook that holds daprd back where it is started next.
func TestTheComponentIsTheSameContainerInEachWay(t *testing.T) {
	want := own(container(t, injected(t, "sidecar"), name))
	hook := want.Lifecycle
	if hook == nil || !slices.Equal(hook.PostStart.Exec.Command, []string{name, "healthcheck", "--wait", "30"}) {
		t.Errorf("sidecar: no postStart hook that waits for the socket: %s", asJSON(hook))
	}
	want.Lifecycle = nil
	for _, way := range ways {
		got := own(container(t, injected(t, way), name))
		if way == "sidecar" {
			got.Lifecycle = nil
		}
		if !same(got, want) {
			t.Errorf("sidecar:\n%s\n%s:\n%s", asJSON(want), way, asJSON(got))
		}
	}
}

// The kubelet starts containers in this order, and the next one after the hook of the one before it.
func TestTheSidecarIsStartedBeforeDaprd(t *testing.T) {
	var order []string
	for _, one := range injected(t, "sidecar").Spec.Containers {
		order = append(order, one.Name)
	}
	if len(order) < 2 || order[0] != name || order[len(order)-1] != "daprd" {
		t.Errorf("started in the order %v", order)
	}
}

func TestTheComponentMayDoAsLittleAsItNeeds(t *testing.T) {
	for _, way := range ways {
		one := container(t, injected(t, way), name)
		safe := one.SecurityContext
		if safe == nil {
			t.Fatalf("%s: no securityContext", way)
		}
		if !*safe.RunAsNonRoot || *safe.RunAsUser != 65532 || *safe.RunAsGroup != 65532 || !*safe.ReadOnlyRootFilesystem ||
			*safe.AllowPrivilegeEscalation || !slices.Equal(safe.Capabilities.Drop, []corev1.Capability{"ALL"}) ||
			safe.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s: %s", way, asJSON(safe))
		}
		if one.StartupProbe == nil || one.LivenessProbe == nil || one.ReadinessProbe == nil {
			t.Errorf("%s: not all three probes", way)
		}
		if one.Resources.Requests.Memory().String() != "128Mi" || one.Resources.Limits.Memory().String() != "256Mi" ||
			one.Resources.Requests.Cpu().IsZero() {
			t.Errorf("%s: resources %s", way, asJSON(one.Resources))
		}
	}
}

// own takes away what tells the ways apart: where the sockets are, and that an init container goes on.
func own(one corev1.Container) corev1.Container {
	one.RestartPolicy = nil
	one.VolumeMounts = nil
	one.Env = slices.DeleteFunc(slices.Clone(one.Env), func(one corev1.EnvVar) bool {
		return one.Name == injector.ComponentsUDSMountPathEnvVar
	})
	return one
}

func same(one, other corev1.Container) bool {
	return asJSON(one) == asJSON(other)
}

func asJSON(value any) string {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		panic(err)
	}
	return string(text)
}
