// Package deploy tests the manifests in deploy/kubernetes: against the types of Kubernetes, Dapr, KEDA
// and the Prometheus Operator, against each other, and by the code of Dapr's own sidecar injector.
package deploy

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
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
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	kustomize "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const root = "../../deploy/kubernetes"

// The ways to run the component: each a folder with a Deployment.
var ways = []string{"injected", "sidecar", "native-sidecar"}

// All folders that can be applied.
var folders = append([]string{"nats", "keda", "monitoring"}, ways...)

// What may be in a manifest. A kind that is not here fails: nothing could check it.
var kinds = map[string]func() any{
	"v1 ConfigMap":                                  func() any { return &corev1.ConfigMap{} },
	"v1 Secret":                                     func() any { return &corev1.Secret{} },
	"v1 Service":                                    func() any { return &corev1.Service{} },
	"apps/v1 Deployment":                            func() any { return &appsv1.Deployment{} },
	"apps/v1 StatefulSet":                           func() any { return &appsv1.StatefulSet{} },
	"networking.k8s.io/v1 NetworkPolicy":            func() any { return &networkingv1.NetworkPolicy{} },
	"policy/v1 PodDisruptionBudget":                 func() any { return &policyv1.PodDisruptionBudget{} },
	"dapr.io/v1alpha1 Component":                    func() any { return &components.Component{} },
	"dapr.io/v1alpha1 Resiliency":                   func() any { return &resiliency.Resiliency{} },
	"dapr.io/v2alpha1 Subscription":                 func() any { return &subscriptions.Subscription{} },
	"keda.sh/v1alpha1 ScaledObject":                 func() any { return &keda.ScaledObject{} },
	"monitoring.coreos.com/v1 PodMonitor":           func() any { return &monitoring.PodMonitor{} },
	"monitoring.coreos.com/v1 PrometheusRule":       func() any { return &monitoring.PrometheusRule{} },
	"kustomize.config.k8s.io/v1beta1 Kustomization": func() any { return &kustomize.Kustomization{} },
}

// decode reads YAML documents into the types of their kinds; a field that a type does not have fails.
func decode(t *testing.T, name string, text []byte) []any {
	t.Helper()
	var found []any
	for _, document := range bytes.Split(text, []byte("\n---\n")) {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal(document, &meta); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		create, known := kinds[meta.APIVersion+" "+meta.Kind]
		if !known {
			t.Fatalf("%s: a %q of %q is not known here", name, meta.Kind, meta.APIVersion)
		}
		object := create()
		text, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, meta.Kind, err)
		}
		strictly(t, name+": "+meta.Kind, text, object)
		found = append(found, object)
	}
	return found
}

// strictly reads as the API server does with strict validation: the case of a field's name counts too,
// which Go's own JSON decoder passes over.
func strictly(t *testing.T, name string, text []byte, into any) {
	t.Helper()
	unknown, err := json.UnmarshalStrict(text, into)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, one := range unknown {
		t.Fatalf("%s: %v", name, one)
	}
}

// render makes what `kubectl apply -k` would apply.
func render(t *testing.T, folder string) []any {
	t.Helper()
	options := krusty.MakeDefaultOptions()
	// What the kustomization says counts.
	options.Reorder = krusty.ReorderOptionUnspecified
	built, err := krusty.MakeKustomizer(options).
		Run(filesys.MakeFsOnDisk(), filepath.Join(root, folder))
	if err != nil {
		t.Fatalf("%s cannot be built: %v", folder, err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, folder, text)
}

// all picks the objects of one kind.
func all[Kind any](objects []any) []*Kind {
	var found []*Kind
	for _, object := range objects {
		if one, is := object.(*Kind); is {
			found = append(found, one)
		}
	}
	return found
}

// only picks the one object of a kind.
func only[Kind any](t *testing.T, objects []any) *Kind {
	t.Helper()
	found := all[Kind](objects)
	if len(found) != 1 {
		t.Fatalf("%d objects of the kind %T, not 1", len(found), *new(Kind))
	}
	return found[0]
}

func TestEveryFileIsOfAKnownKindAndHasNoUnknownField(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		switch ext := filepath.Ext(path); ext {
		case ".md", ".conf":
			return nil
		case ".yaml":
		default:
			t.Errorf("%s: nothing here checks a %s", path, ext)
			return nil
		}
		files++
		text, err := os.ReadFile(path)
		if err == nil {
			decode(t, path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 15 {
		t.Errorf("only %d files found", files)
	}
}

func TestEveryFolderBuilds(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() && entry.Name() != "base" && !strings.Contains(strings.Join(folders, " "), entry.Name()) {
			t.Errorf("the folder %s is in no test", entry.Name())
		}
	}
	for _, folder := range folders {
		for _, object := range render(t, folder) {
			one := object.(metav1.Object)
			if want := map[bool]string{true: "nats", false: "orders"}[folder == "nats"]; one.GetNamespace() != want {
				t.Errorf("%s: %T %s is in the namespace %q, not %q", folder, object, one.GetName(), one.GetNamespace(), want)
			}
		}
	}
}

// The injector lists the Components when a pod is made: a later one would have no container in it.
func TestTheInjectedComponentIsAppliedBeforeTheDeployment(t *testing.T) {
	seen := false
	for _, object := range render(t, "injected") {
		switch object.(type) {
		case *components.Component:
			seen = true
		case *appsv1.Deployment:
			if !seen {
				t.Error("the Deployment comes first: its pods could be made without the component")
			}
		}
	}
}
