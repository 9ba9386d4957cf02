// A row's heading. Stand-in: rows are drawn by Grafana's dashboards, which are no component library.
import { Icon, useTheme2 } from '@grafana/ui';

export function Row({ title }) {
  const theme = useTheme2();
  return (
    <div style={{ display: 'flex', alignItems: 'center', gap: 8, height: '100%', color: theme.colors.text.primary }}>
      <Icon name="angle-down" />
      <span style={{ ...theme.typography.h5, marginBottom: 0 }}>{title}</span>
    </div>
  );
}
