// Package prometheus holds the alerts and the dashboard against Prometheus' own parser and engine.
package prometheus

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

var queries = parser.NewParser(parser.Options{})

func TestQueriesOfTheDashboardAreQueriesOfPrometheus(t *testing.T) {
	text, err := os.ReadFile("../../../deploy/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			count++
			// What Grafana puts in.
			query := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
			if _, err := queries.ParseExpr(query); err != nil {
				t.Errorf("%s: %v", panel.Title, err)
			}
		}
	}
	if count < 10 {
		t.Fatalf("only %d queries", count)
	}
}
