// The table of layouts, by `model_type`. To support another layout, add a row here and one in model/convert/layouts/.

import type { LayoutName } from '../model-config.ts';
import { bailingMoeV2, dots1, glm4Moe } from './deepseek-router.ts';
import { ernie45Moe } from './ernie.ts';
import { gptOss } from './gpt-oss.ts';
import { graniteMoe, graniteMoeShared } from './granite.ts';
import { hunyuanV1Moe } from './hunyuan.ts';
import type { ConfigLayout } from './layout.ts';
import { llama4Text } from './llama4.ts';
import { minimaxM2, mixtral } from './mixtral.ts';
import { olmoe, qwen2Moe, qwen3Moe } from './qwen.ts';
import { sigma } from './sigma.ts';

export const configLayouts: Readonly<Record<LayoutName, ConfigLayout>> = {
  sigma,
  qwen3_moe: qwen3Moe,
  qwen2_moe: qwen2Moe,
  mixtral,
  olmoe,
  glm4_moe: glm4Moe,
  dots1,
  bailing_moe_v2: bailingMoeV2,
  ernie4_5_moe: ernie45Moe,
  hunyuan_v1_moe: hunyuanV1Moe,
  granitemoe: graniteMoe,
  granitemoeshared: graniteMoeShared,
  minimax_m2: minimaxM2,
  gpt_oss: gptOss,
  llama4_text: llama4Text,
};
