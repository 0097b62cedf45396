Redoc.init("/openapi.json", { disableSearch: false, hideDownloadButton: false, nativeScrollbars: true }, document.getElementById("redoc"));
