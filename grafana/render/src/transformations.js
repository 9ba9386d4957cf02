// Grafana's own transformations.
import { standardTransformers, standardTransformersRegistry, transformDataFrame } from '@grafana/data';
import { firstValueFrom } from 'rxjs';

/** Make those known that Grafana has; some of them are there under two names. */
export function registerTransformations() {
  const byId = new Map(Object.values(standardTransformers).map((transformer) => [transformer.id, transformer]));
  standardTransformersRegistry.setInit(() =>
    [...byId.values()].map((transformer) => ({
      id: transformer.id,
      name: transformer.name,
      transformation: () => Promise.resolve(transformer),
      editor: () => null,
    }))
  );
}

/** Return the frames after the transformations of a panel. */
export async function transformed(transformations, frames, templates) {
  if (!transformations?.length) return frames;
  for (const { id } of transformations) {
    if (!standardTransformersRegistry.getIfExists(id)) throw new Error(`\`${id}\` is no transformation of Grafana`);
  }
  const context = { interpolate: (text) => templates.text(text) };
  return firstValueFrom(transformDataFrame(transformations, frames, context));
}
