// SPDX-License-Identifier: Apache-2.0
'use strict';

// Everything comes from this server: no validator of somebody else's, no fonts, no badge.
window.SwaggerUIBundle({
  url: '/api/v1/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  persistAuthorization: false,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
});
