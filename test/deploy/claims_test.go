package deploy

import (
	"testing"

	components "github.com/dapr/dapr/pkg/apis/components/v1alpha1"
	"github.com/dapr/dapr/pkg/injector/annotations"
	injector "github.com/dapr/dapr/pkg/injector/consts"
	corev1 "k8s.io/api/core/v1"
)

// What the comments in the manifests say of Dapr's injector. Where one of these fails with another
// version of Dapr, the manifests may become simpler.

func TestTheInjectorDoesNotTellDaprdOfAnotherFolder(t *testing.T) {
	pod := podOf(t, render(t, "sidecar"))
	pod.Annotations[annotations.KeyPluggableComponentsSocketsFolder] = "/another"
	pod = inject(t, pod)
	daprd := container(t, pod, "daprd")
	if volumeAt(daprd, "/another") != injector.ComponentsUDSVolumeName {
		t.Error("the folder of the annotation is not mounted")
	}
	if got := daprdFolder(t, daprd); got == "/another" {
		t.Error("daprd looks in the folder of the annotation: sidecar/deployment.yaml says it does not")
	}
}

func TestTheInjectorPassesOverInitContainers(t *testing.T) {
	pod := podOf(t, render(t, "native-sidecar"))
	pod.Annotations[annotations.KeyPluggableComponents] = name
	pod = inject(t, pod)
	component := container(t, pod, name)
	for _, volume := range pod.Spec.Volumes {
		if volume.Name == injector.ComponentsUDSVolumeName {
			t.Error("the injector adds its volume for an init container: native-sidecar/deployment.yaml can use that")
		}
	}
	if variable(component, injector.ComponentsUDSMountPathEnvVar) != "" {
		t.Error("the injector tells an init container the folder")
	}
}

func TestTheInjectorLosesTheIdentityOfAPodWithoutVolumes(t *testing.T) {
	has := func(pod *corev1.Pod, name string) bool {
		for _, volume := range pod.Spec.Volumes {
			if volume.Name == name {
				return true
			}
		}
		return false
	}
	objects := render(t, "injected")
	found := all[components.Component](objects)
	if !has(inject(t, podOf(t, objects), found...), injector.TokenVolumeName) {
		t.Error("daprd has no identity token")
	}
	pod := podOf(t, objects)
	pod.Spec.Volumes = nil
	for i := range pod.Spec.Containers {
		pod.Spec.Containers[i].VolumeMounts = nil
	}
	if has(inject(t, pod, found...), injector.TokenVolumeName) {
		t.Error("a pod without volumes keeps the identity token: the manifests say it does not")
	}
}

func TestTheInjectorTellsTheComponentNothingOfDaprd(t *testing.T) {
	for _, way := range ways {
		pod := injected(t, way)
		if got := variable(container(t, pod, name), injector.UserContainerDaprHTTPPortName); got != "" {
			t.Errorf("%s: the injector sets %s: DAPR_NATS_JETSTREAM_SIDECAR_URL is not needed", way, injector.UserContainerDaprHTTPPortName)
		}
		if got := variable(container(t, pod, "app"), injector.UserContainerDaprHTTPPortName); got != "3500" {
			t.Errorf("%s: daprd's port is %q, not the one in DAPR_NATS_JETSTREAM_SIDECAR_URL", way, got)
		}
		if got := variable(container(t, pod, name), "DAPR_NATS_JETSTREAM_SIDECAR_URL"); got != "http://127.0.0.1:3500" {
			t.Errorf("%s: the component looks for daprd at %q", way, got)
		}
	}
}

func TestOfSeveralComponentsWithOneImageOnlyTheFirstIsInjected(t *testing.T) {
	objects := render(t, "injected")
	first := only[components.Component](t, objects)
	second := first.DeepCopy()
	second.Name = "another"
	count := 0
	for _, one := range containers(inject(t, podOf(t, objects), first, second)) {
		if one.Image == container(t, injected(t, "injected"), name).Image {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d containers of the component", count)
	}
}
