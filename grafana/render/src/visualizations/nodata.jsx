// What a panel says when it has nothing to draw.
import { useTheme2 } from '@grafana/ui';

export function NoData({ fieldConfig, height }) {
  const theme = useTheme2();
  return (
    <div style={{ display: 'grid', placeItems: 'center', height, textAlign: 'center', color: theme.colors.text.secondary }}>
      {fieldConfig.defaults.noValue || 'No data'}
    </div>
  );
}
