// Package prometheus holds the alerts and the dashboard against Prometheus' own parser.
package prometheus

import (
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

var queries = parser.NewParser(parser.Options{})

func TestAlertsAreRulesOfPrometheus(t *testing.T) {
	groups, errs := rulefmt.ParseFile("../../../deploy/prometheus/alerts.yaml", false, model.UTF8Validation, queries, slog.Default())
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil || len(groups.Groups) == 0 || len(groups.Groups[0].Rules) < 5 {
		t.Fatal("no alerts")
	}
	for _, rule := range groups.Groups[0].Rules {
		if rule.Labels["severity"] == "" {
			t.Errorf("%s has no severity", rule.Alert)
		}
	}
}

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
