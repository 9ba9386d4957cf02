// The page: a header unless it is a kiosk, and the panels on their grid.
import { useTheme2 } from '@grafana/ui';

import { useLayoutEffect } from 'react';

import { box, gridHeight, opened } from './grid.js';
import { Header } from './header.jsx';
import { Panel } from './panel.jsx';
import { Row } from './row.jsx';

const PADDING = 16;

export function DashboardPage({ job, range, prometheus, variables, drawing }) {
  const theme = useTheme2();
  const { dashboard, width, kiosk } = job;
  const panels = opened(dashboard.panels);
  drawing.expect(panels.filter((panel) => panel.type !== 'row').length);
  useLayoutEffect(() => {
    drawing.height = document.documentElement.scrollHeight;
  }, []);
  const context = { job, range, prometheus, drawing, theme, templates: variables.templates, timeZone: timeZoneOf(dashboard) };
  const inner = width - 2 * PADDING;
  return (
    <div style={{ width, boxSizing: 'border-box', padding: PADDING, paddingTop: kiosk ? PADDING : 0 }}>
      {!kiosk && <Header dashboard={dashboard} folder={job.folder} shown={variables.shown} templates={variables.templates} range={range} />}
      <div style={{ position: 'relative', height: gridHeight(panels) }}>
        {panels.map((panel) => {
          const place = box(panel.gridPos, inner);
          return (
            <div key={panel.id} data-panel={panel.title} style={{ position: 'absolute', ...place }}>
              {panel.type === 'row' ? (
                <Row title={variables.templates.text(panel.title)} />
              ) : (
                <Panel panel={panel} width={place.width} height={place.height} context={context} />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function timeZoneOf({ timezone }) {
  return timezone || 'browser';
}
