// Written by `npm run api`; not edited by hand.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Prefix reuse of one loaded model; bytes, and counts since it was loaded. `tier` is what lies behind memory. */
        AdminCache: {
            bytes: number;
            entries: number;
            evicted_bytes: number;
            hits: number;
            lookups: number;
            model: string;
            tier: {
                [key: string]: unknown;
            } | null;
            tier_refused: string;
        };
        AdminCaches: {
            caches: components["schemas"]["AdminCache"][];
        };
        /** @description The ids of the models whose prefixes were dropped. */
        AdminCleared: {
            cleared: string[];
        };
        /** @description Decisions about models in memory, oldest first. */
        AdminEvents: {
            events: components["schemas"]["ResidencyEvent"][];
        };
        /** @description `memory_budget`, and how much of it is reserved. Bytes. */
        AdminMemory: {
            budget_bytes: number;
            reserved_bytes: number;
        };
        /**
         * @description A model that is in memory or on its way; `expires_at` is Unix time, null where it stays.
         *
         *     `total_bytes` is what it holds now, `reserved_bytes` what the budget counts it with, as it may take that much.
         *     Where the KV cache is allocated as a whole (`allocated_kv_bytes`), live KV is within that.
         */
        AdminModel: {
            allocated_kv_bytes: number;
            detail: string;
            expires_at: number | null;
            id: string;
            in_flight: number;
            kept_bytes: number;
            live_kv_bytes: number;
            pinned: boolean;
            reserved_bytes: number;
            state: string;
            total_bytes: number;
            weights_bytes: number;
        };
        /** @description `status` is "loaded", "unloaded", "not loaded", or "leaving" for a model that leaves once it is idle. */
        AdminModelAction: {
            id: string;
            status: string;
        };
        AdminModels: {
            memory: components["schemas"]["AdminMemory"];
            models: components["schemas"]["AdminModel"][];
        };
        /** @description `model` is ORG/NAME, or ORG/NAME:file for one of several GGUF files. */
        AdminPullRequest: {
            model: string;
        };
        /** @description See `Reloaded`. Kept prefixes of models that did not change stay: `cache_cleared` is always false. */
        AdminReloaded: {
            added: string[];
            cache_cleared: boolean;
            changed: string[];
            message: string;
            models_available: string[];
            removed: string[];
            restart_needed: string[];
            status: string;
            when_idle: string[];
        };
        /** @description In the order of their arrival; of those that have ended the last 200, newest first. */
        AdminRequests: {
            queued: components["schemas"]["LiveRequest"][];
            recent: components["schemas"]["RequestRecord"][];
            running: components["schemas"]["LiveRequest"][];
        };
        BatchEndpoint: {
            available: boolean;
            description: string;
            endpoint: string;
            processing_modes: string[];
        };
        /** @description Requests at a time: what the models in memory run together, and what they take on with their queues. */
        BatchSize: {
            max: number | null;
            optimal: number | null;
        };
        /** @description Where the time of one model's requests goes, the slowest model first. Milliseconds per request. */
        Bottleneck: {
            avg_total_ms: number;
            breakdown: {
                [key: string]: number;
            };
            model: string;
            request_count: number;
        };
        /** @description How many requests had the id and were told to stop: a batch has one for each item. */
        CancelledRequests: {
            cancelled: number;
            id: string;
        };
        Capabilities: {
            endpoints: components["schemas"]["Endpoints"];
            features: components["schemas"]["Features"];
            limits: components["schemas"]["Limits"];
            metal: components["schemas"]["Metal"];
            models: components["schemas"]["ResidentModel"][];
            optimizations: components["schemas"]["Optimizations"];
            plugins: components["schemas"]["Installed"];
            recommendations: components["schemas"]["Recommendations"];
            server_version: string;
        };
        /** @description An error outside of every API's paths. */
        CoreError: {
            error: components["schemas"]["CoreErrorDetail"];
        };
        /** @description `kind` is one word of heylook's own, as in `not_found`. */
        CoreErrorDetail: {
            kind: string;
            message: string;
        };
        /** @description One way to ask. `available` needs the route, and for images a library that reads them. */
        Endpoint: {
            available: boolean;
            description: string;
            endpoint: string;
        };
        Endpoints: {
            batch_processing: components["schemas"]["BatchEndpoint"];
            fast_vision: components["schemas"]["Endpoint"];
            standard_vision: components["schemas"]["Endpoint"];
        };
        /** @description `vision_models` are those in memory that take images; `max_image_size` is in bytes. */
        Features: {
            concurrent_requests: boolean;
            max_image_pixels: number;
            max_image_size: number;
            model_caching: components["schemas"]["ModelCaching"];
            streaming: boolean;
            supported_image_formats: string[];
            vision_models: string[];
        };
        /** @description `status` is `ok`, or says what is wrong: `degraded` where a worker hangs, `stopping`. */
        Health: {
            models: components["schemas"]["HealthModel"][];
            status: string;
        };
        /**
         * @description A model that is in memory or on its way.
         *
         *     `answers` says whether its worker has answered just now; one in the middle of a long step answers later and is well
         *     all the same. It is null while the model is not ready.
         */
        HealthModel: {
            answers: boolean | null;
            detail: string;
            id: string;
            in_flight: number;
            state: string;
        };
        ImageFormat: {
            format: string;
            quality: number;
        };
        /** @description Pillow reads images; the libraries that the predecessor looked for are not used. */
        ImageLibrary: {
            cachetools_available: boolean;
            hash_speedup: number | null;
            jpeg_speedup: number | null;
            library: string | null;
            turbojpeg_available: boolean;
            xxhash_available: boolean;
        };
        /** @description Plugins by name that are installed and not disabled. */
        Installed: {
            dialects: string[];
            prefix_tiers: string[];
            providers: string[];
            sinks: string[];
        };
        /** @description `orjson_available` is false because msgspec does its work, on every installation. */
        JsonLibrary: {
            library: string;
            orjson_available: boolean;
            speedup: number | null;
        };
        /** @description Each is enforced. `max_tokens` is the longest context of a model in memory; null where there is no limit. */
        Limits: {
            load_timeout_seconds: number;
            max_images_per_request: number;
            max_request_size_mb: number;
            max_tokens: number | null;
            max_waiting_requests: number;
            timeout_seconds: number | null;
        };
        /**
         * @description A request that is not over. `at` is Unix time at arrival; of the prompt `prompt_done` tokens have been read.
         *
         *     `phase` is loading (its model), queued (for a place), prompt or answering.
         */
        LiveRequest: {
            at: number;
            dialect: string;
            id: string;
            images: number;
            kind: string;
            model: string;
            /** @enum {string} */
            phase: "answering" | "loading" | "prompt" | "queued";
            prompt_done: number;
            prompt_tokens: number;
            provider: string;
            seconds: number;
            streamed: boolean;
        };
        /** @description Whether models can run on Apple's GPU here. */
        Metal: {
            available: boolean;
        };
        ModelCaching: {
            cache_size: number;
            enabled: boolean;
            eviction_policy: string;
        };
        /** @description One model since the server started. `error_rate` is the share (0 to 1) of requests that failed. */
        ModelPerformance: {
            average_load_time: number;
            average_time_to_first_token: number;
            avg_tokens_per_second: number;
            cache_hit_rate: number;
            cancelled: number;
            error_rate: number;
            failed: number;
            generated_tokens: number;
            loads: number;
            memory_gb: number;
            operations: {
                [key: string]: components["schemas"]["OperationTimes"];
            };
            peak_tokens_per_second: number;
            prompt_tokens: number;
            requests: number;
        };
        /** @description The assistant's message; `content` is always there. */
        OllamaAnswer: {
            content: string;
            role: string;
            /** @default  */
            thinking: string;
            tool_calls?: components["schemas"]["OllamaAnsweredCall"][];
        };
        OllamaAnsweredCall: {
            function: components["schemas"]["OllamaAnsweredFunction"];
            id: string;
        };
        OllamaAnsweredFunction: {
            arguments: {
                [key: string]: unknown;
            };
            index: number;
            name: string;
        };
        /** @description `arguments` is an object; JSON text, as OpenAI has it, is taken too. */
        OllamaCalledFunction: {
            arguments?: {
                [key: string]: unknown;
            } | string | null;
            index?: number | null;
            name: string;
        };
        /** @description POST /api/show. Clients crash without `model_info` and `capabilities`: both are always there. */
        OllamaCard: {
            capabilities: string[];
            details: components["schemas"]["OllamaDetails"];
            model_info: {
                [key: string]: unknown;
            };
            modelfile: string;
            modified_at: string;
            /** @default  */
            parameters: string;
            /** @default  */
            template: string;
        };
        OllamaChatAnswer: {
            created_at: string;
            done: boolean;
            /** @default  */
            done_reason: string;
            /** @default 0 */
            eval_count: number;
            /** @default 0 */
            eval_duration: number;
            /** @default 0 */
            load_duration: number;
            logprobs?: components["schemas"]["OllamaLogprob"][];
            message: components["schemas"]["OllamaAnswer"];
            model: string;
            /** @default 0 */
            prompt_eval_count: number;
            /** @default 0 */
            prompt_eval_duration: number;
            /** @default 0 */
            total_duration: number;
        };
        OllamaChatRequest: {
            /** @description Answer with the prompt as the model would get it. */
            _debug_render_only?: boolean | null;
            /** @description `json` or a JSON Schema: holds the answer to it; needs the capability `schema`. */
            format?: unknown;
            /** @description How long the model stays in memory: seconds, or as `5m`; 0 unloads it, below 0 keeps it. */
            keep_alive?: number | string | boolean | null;
            /** @description Tell the log-probability of each token; needs the capability `logprobs`. */
            logprobs?: boolean | null;
            /** @description The conversation, oldest message first; without any the model is loaded. */
            messages?: components["schemas"]["OllamaMessage"][] | null;
            /** @description A model's id or alias, with or without a tag. */
            model?: string | null;
            /** @description Parameters of sampling and limits, as in a Modelfile. */
            options?: {
                [key: string]: unknown;
            } | null;
            /** @description Cut a prompt that is still too long after its first `num_keep` tokens. */
            shift?: boolean | null;
            /** @description Answer by lines of JSON, as it is made; only `false` switches it off. */
            stream?: boolean | null;
            /** @description Whether the model reasons first, or how much: `low`, `medium`, `high`, `max`. */
            think?: boolean | string | null;
            /** @description Functions that the model may call; needs the capability `tools`. */
            tools?: components["schemas"]["OllamaTool"][] | null;
            /** @description So many alternatives to each token, with their log-probabilities. */
            top_logprobs?: number | null;
            /** @description Leave out the oldest messages of a prompt that is too long; `false` refuses it. */
            truncate?: boolean | null;
        };
        OllamaDebugAnswer: {
            _debug_info: components["schemas"]["OllamaDebugInfo"];
            created_at: string;
            model: string;
        };
        OllamaDebugInfo: {
            /** @default 0 */
            image_count: number;
            rendered_template: string;
        };
        /** @description `parameter_size` is like "7.6B". */
        OllamaDetails: {
            /** @default 0 */
            context_length: number;
            /** @default 0 */
            embedding_length: number;
            families: string[];
            family: string;
            format: string;
            parameter_size: string;
            parent_model: string;
            quantization_level: string;
        };
        /** @description `error` is always a string; an object crashes ollama-python in the middle of a stream. */
        OllamaError: {
            error: string;
        };
        OllamaFunction: {
            description?: string | null;
            name: string;
            parameters?: {
                [key: string]: unknown;
            } | null;
        };
        OllamaLogprob: {
            bytes: number[];
            logprob: number;
            token: string;
            top_logprobs: components["schemas"]["OllamaTopLogprob"][];
        };
        /** @description ollama-python leaves out an empty `content`, and every id of a tool call. */
        OllamaMessage: {
            content?: string | null;
            images?: string[] | null;
            role: string;
            thinking?: string | null;
            tool_call_id?: string | null;
            tool_calls?: components["schemas"]["OllamaToolCall"][] | null;
            tool_name?: string | null;
        };
        /** @description `name` and `model` are equal; Open WebUI needs both. `size` is bytes, `digest` 64 hex digits. */
        OllamaModel: {
            capabilities: string[];
            details: components["schemas"]["OllamaDetails"];
            digest: string;
            model: string;
            modified_at: string;
            name: string;
            size: number;
        };
        OllamaModelList: {
            models: components["schemas"]["OllamaModel"][];
        };
        /** @description Show, pull and delete: `name` is the older word for `model`, which Continue and LiteLLM still send. */
        OllamaNamedRequest: {
            /** @description A model's id or alias, with or without a tag. */
            model?: string | null;
            /** @description The older word for `model`. */
            name?: string | null;
            /** @description Answer by lines of JSON, as it is made; only `false` switches it off. */
            stream?: boolean | null;
            /** @description Without effect. */
            verbose?: boolean | null;
        };
        OllamaTool: {
            function: components["schemas"]["OllamaFunction"];
            type?: string | null;
        };
        OllamaToolCall: {
            function: components["schemas"]["OllamaCalledFunction"];
            id?: string | null;
        };
        OllamaTopLogprob: {
            bytes: number[];
            logprob: number;
            token: string;
        };
        OpenAIAllowedTools: {
            /** @enum {string} */
            mode: "auto" | "required";
            tools: components["schemas"]["OpenAIToolName"][];
        };
        /** @description `content` is null beside tool calls; `reasoning_content` is what llama.cpp and others call the thoughts. */
        OpenAIAnswer: {
            content: string | null;
            reasoning_content?: string;
            refusal: string | null;
            /** @enum {string} */
            role: "assistant";
            tool_calls?: components["schemas"]["OpenAIAnsweredCall"][];
        };
        OpenAIAnsweredCall: {
            function: components["schemas"]["OpenAIAnsweredFunction"];
            id: string;
            /** @enum {string} */
            type: "function";
        };
        OpenAIAnsweredFunction: {
            arguments: string;
            name: string;
        };
        OpenAIAudioPart: {
            input_audio: components["schemas"]["OpenAIInputAudio"];
            /** @enum {string} */
            type: "input_audio";
        };
        /** @description `seconds` of audio. */
        OpenAIAudioUsage: {
            seconds: number;
            /** @enum {string} */
            type: "duration";
        };
        /** @description `completions` or `choices`, as `return_individual` says. */
        OpenAIBatch: {
            batch_info: components["schemas"]["OpenAIBatchInfo"];
            choices?: components["schemas"]["OpenAIChatChoice"][];
            completions?: (components["schemas"]["OpenAIChatCompletion"] | components["schemas"]["OpenAIBatchFailure"])[];
            created: number;
            id: string;
            model: string;
            /** @enum {string} */
            object: "chat.completion.batch";
            processing_mode: string;
            timing?: components["schemas"]["OpenAIBatchTiming"];
            usage: components["schemas"]["OpenAIUsage"];
        };
        /** @description Stands where a group's completion would. */
        OpenAIBatchFailure: {
            error: {
                [key: string]: string | null;
            };
            group: number;
        };
        OpenAIBatchInfo: {
            failed: number;
            groups_processed: number;
            max_concurrent: number;
            successful: number;
        };
        /** @description Seconds. Groups that run side by side share the time, so theirs add up to more than the total. */
        OpenAIBatchTiming: {
            average_per_group: number;
            groups: number[];
            total_time: number;
        };
        /** @description In a request, `arguments` is JSON text by the specification; some clients send the object itself. */
        OpenAICalledFunction: {
            arguments?: string | {
                [key: string]: unknown;
            } | null;
            name: string;
        };
        OpenAIChatChoice: {
            /** @enum {string} */
            finish_reason: "length" | "stop" | "tool_calls";
            index: number;
            logprobs: components["schemas"]["OpenAILogprobs"] | null;
            message: components["schemas"]["OpenAIAnswer"];
        };
        /** @description One streamed piece, for the API document; `stream` writes it from parts that are encoded once. */
        OpenAIChatChunk: {
            choices: components["schemas"]["OpenAIChunkChoice"][];
            created: number;
            id: string;
            model: string;
            /** @enum {string} */
            object: "chat.completion.chunk";
            performance?: components["schemas"]["OpenAIPerformance"];
            usage?: components["schemas"]["OpenAIUsage"] | null;
        };
        OpenAIChatCompletion: {
            choices: components["schemas"]["OpenAIChatChoice"][];
            created: number;
            id: string;
            model: string;
            /** @enum {string} */
            object: "chat.completion";
            performance?: components["schemas"]["OpenAIPerformance"];
            usage: components["schemas"]["OpenAIUsage"];
        };
        /**
         * @description POST /v1/chat/completions. The second group are constraints as vLLM and llama.cpp name them; what is done to
         *     images, and the rest, are ours.
         */
        OpenAIChatRequest: {
            /** @description Refused: no model speaks. */
            audio?: unknown;
            /** @description Arguments of the model's template; `enable_thinking` switches reasoning. */
            chat_template_kwargs?: {
                [key: string]: unknown;
            } | null;
            /** @description Go on from the last message, which is the assistant's. */
            continue_final_message?: boolean | null;
            /** @description Makes tokens less likely the more often the answer has them. */
            frequency_penalty?: number | null;
            /** @description Refused: use `tool_choice`. */
            function_call?: unknown;
            /** @description Refused: use `tools`. */
            functions?: unknown;
            /** @description A Lark or GBNF grammar that the answer obeys (llama.cpp's name). */
            grammar?: string | null;
            /** @description Texts of which the answer is one (vLLM's name). */
            guided_choice?: string[] | null;
            /** @description A grammar that the answer obeys (vLLM's name). */
            guided_grammar?: string | null;
            /** @description A JSON Schema that the answer obeys (vLLM's name). */
            guided_json?: {
                [key: string]: unknown;
            } | null;
            /** @description A regular expression that the whole answer matches (vLLM's name). */
            guided_regex?: string | null;
            /** @description Go on after the model's end of an answer, until `max_tokens`. */
            ignore_eos?: boolean | null;
            /** @description JPEG quality at which images are written anew. */
            image_quality?: number | null;
            /** @description Add tokens per second and times to the answer. */
            include_performance?: boolean | null;
            /** @description Add times to the answer of a batch. */
            include_timing?: boolean | null;
            /** @description How long the model stays in memory: seconds, or as `5m`; 0 unloads it, below 0 keeps it. */
            keep_alive?: number | string | null;
            /** @description Token ids, each with a number that is added to its logit. */
            logit_bias?: {
                [key: string]: number;
            } | null;
            /** @description Tell the log-probability of each token; the model needs the capability `logprobs`. */
            logprobs?: boolean | null;
            /** @description The most tokens to generate; goes before `max_tokens`. */
            max_completion_tokens?: number | null;
            /** @description The most tokens to generate. */
            max_tokens?: number | null;
            /** @description The conversation, oldest message first. */
            messages: components["schemas"]["OpenAIMessage"][];
            /** @description Leave out tokens less likely than this share of the likeliest one's probability. */
            min_p?: number | null;
            /** @description Only `text`. */
            modalities?: string[] | null;
            /** @description A model's id or alias; absent: the default model. */
            model?: string | null;
            /** @description Refused. */
            moderation?: unknown;
            /** @description How many answers to make. */
            n?: number | null;
            /** @description Whether one answer may have several calls. */
            parallel_tool_calls?: boolean | null;
            /** @description Makes tokens less likely that the answer has already. */
            presence_penalty?: number | null;
            /** @description Keep the transparency of images. */
            preserve_alpha?: boolean | null;
            /** @description `conversation`, or how groups run: `sequential`, `parallel`, each also `_with_context`. */
            processing_mode?: string | null;
            /** @description `none` to `max`, for models that reason; `none` switches it off. */
            reasoning_effort?: string | null;
            /** @description Another name of `repetition_penalty`. */
            repeat_penalty?: number | null;
            /** @description How many of the last tokens `repetition_penalty` looks at. */
            repetition_context_size?: number | null;
            /** @description Above 1: makes tokens less likely that occurred before. */
            repetition_penalty?: number | null;
            /** @description The height that images are brought to, in pixels. */
            resize_height?: number | null;
            /** @description Images are made smaller until no side is longer, in pixels. */
            resize_max?: number | null;
            /** @description The width that images are brought to, in pixels. */
            resize_width?: number | null;
            /** @description `text`, `json_object` or `json_schema`: holds the answer to it; needs the capability `schema`. */
            response_format?: (components["schemas"]["OpenAITextFormat"] | components["schemas"]["OpenAIJsonFormat"] | components["schemas"]["OpenAISchemaFormat"]) | null;
            /** @description Answer each group of a batch by itself. */
            return_individual?: boolean | null;
            /** @description The same seed and the same request give the same answer. */
            seed?: number | null;
            /** @description Texts that end the answer; they are not part of it. */
            stop?: string | string[] | null;
            /** @description Answer by server-sent events, as it is made. */
            stream?: boolean | null;
            /** @description `include_usage` adds a last piece with the counts of tokens. */
            stream_options?: components["schemas"]["OpenAIStreamOptions"] | null;
            /** @description One constraint on the answer: `json`, `regex`, `choice` or `grammar` (vLLM's name). */
            structured_outputs?: components["schemas"]["OpenAIStructuredOutputs"] | null;
            /** @description How freely tokens are chosen; 0 takes the likeliest one. */
            temperature?: number | null;
            /** @description The most tokens of reasoning; then the answer begins. */
            thinking_budget?: number | null;
            /** @description `auto`, `none`, `required`, or the function that has to be called. */
            tool_choice?: string | components["schemas"]["OpenAIToolChoice"] | null;
            /** @description Functions that the model may call; needs the capability `tools`. */
            tools?: components["schemas"]["OpenAITool"][] | null;
            /** @description Choose among so many of the likeliest tokens; 0 and -1 switch it off. */
            top_k?: number | null;
            /** @description So many alternatives to each token, with their log-probabilities. */
            top_logprobs?: number | null;
            /** @description Choose among the likeliest tokens that have this share of the probability together. */
            top_p?: number | null;
            /** @description Choose among tokens of typical information that have this share of the probability together. */
            typical_p?: number | null;
            /** @description Refused. */
            web_search_options?: unknown;
            /** @description How often the likeliest tokens are left out. */
            xtc_probability?: number | null;
            /** @description Tokens that are likelier than this may be left out. */
            xtc_threshold?: number | null;
        };
        OpenAIChunkChoice: {
            delta: components["schemas"]["OpenAIDelta"];
            finish_reason: ("length" | "stop" | "tool_calls") | null;
            index: number;
            logprobs: components["schemas"]["OpenAILogprobs"] | null;
        };
        OpenAICompletionDetails: {
            reasoning_tokens: number;
        };
        OpenAIDelta: {
            content?: string | null;
            reasoning_content?: string | null;
            refusal?: string | null;
            role?: "assistant" | null;
            tool_calls?: components["schemas"]["OpenAIToolCallDelta"][] | null;
        };
        /** @description A list of numbers, or base64 of little-endian float32, as the official clients ask and decode. */
        OpenAIEmbedding: {
            embedding: number[] | string;
            index: number;
            /** @enum {string} */
            object: "embedding";
        };
        OpenAIEmbeddingList: {
            data: components["schemas"]["OpenAIEmbedding"][];
            model: string;
            /** @enum {string} */
            object: "list";
            usage: components["schemas"]["OpenAIEmbeddingUsage"];
        };
        /** @description `input` is a text, a list of texts, token ids, or a list of lists of them. The second group is ours. */
        OpenAIEmbeddingRequest: {
            /** @description Only the first so many numbers of each vector, brought to length 1 again. */
            dimensions?: number | null;
            /** @description `float`, or `base64` of little-endian float32. */
            encoding_format?: ("base64" | "float") | null;
            /** @description A text, or several, or their token ids. */
            input: string | string[] | number[] | number[][];
            /** @description How long the model stays in memory: seconds, or as `5m`; 0 unloads it, below 0 keeps it. */
            keep_alive?: number | string | null;
            /** @description A model's id or alias; absent: the default model. */
            model?: string | null;
            /** @description How the vectors of tokens become one; by default as the model says. */
            pooling?: ("cls" | "last" | "max" | "mean") | null;
            /** @description Cut inputs that are too long; else they are refused. */
            truncate?: boolean | null;
            /** @description Without effect. */
            user?: string | null;
        };
        OpenAIEmbeddingUsage: {
            prompt_tokens: number;
            total_tokens: number;
        };
        /** @description What `error_body` makes, for the API description. */
        OpenAIError: {
            error: components["schemas"]["OpenAIErrorDetail"];
        };
        /** @description `param` is the field at fault, `code` a word to tell errors of one type apart; null where there is none. */
        OpenAIErrorDetail: {
            code: string | null;
            message: string;
            param: string | null;
            type: string;
        };
        OpenAIFilePart: {
            file: {
                [key: string]: unknown;
            };
            /** @enum {string} */
            type: "file";
        };
        OpenAIFunction: {
            description?: string | null;
            name: string;
            parameters?: {
                [key: string]: unknown;
            } | null;
            strict?: boolean | null;
        };
        OpenAIFunctionDelta: {
            arguments?: string | null;
            name?: string | null;
        };
        OpenAIImagePart: {
            image_url: components["schemas"]["OpenAIImageUrl"] | string;
            /** @enum {string} */
            type: "image_url";
        };
        OpenAIImageUrl: {
            detail?: string | null;
            url: string;
        };
        OpenAIInputAudio: {
            data: string;
            format: string;
        };
        /** @description `schema` is an extension of llama.cpp's server. */
        OpenAIJsonFormat: {
            schema?: {
                [key: string]: unknown;
            } | null;
            /** @enum {string} */
            type: "json_object";
        };
        OpenAIJsonSchema: {
            description?: string | null;
            name: string;
            schema?: {
                [key: string]: unknown;
            } | null;
            strict?: boolean | null;
        };
        OpenAILogprobs: {
            content: components["schemas"]["OpenAITokenLogprob"][];
            refusal: string | null;
        };
        /** @description `reasoning_content` and `reasoning` are what servers call an assistant's thoughts; both are taken back. */
        OpenAIMessage: {
            content?: string | (components["schemas"]["OpenAITextPart"] | components["schemas"]["OpenAIRefusalPart"] | components["schemas"]["OpenAIImagePart"] | components["schemas"]["OpenAIAudioPart"] | components["schemas"]["OpenAIFilePart"])[] | null;
            function_call?: components["schemas"]["OpenAICalledFunction"] | null;
            name?: string | null;
            reasoning?: string | null;
            reasoning_content?: string | null;
            refusal?: string | null;
            /** @enum {string} */
            role: "assistant" | "developer" | "function" | "system" | "tool" | "user";
            tool_call_id?: string | null;
            tool_calls?: components["schemas"]["OpenAIToolCall"][] | null;
        };
        /** @description The last group is ours; `capabilities` and `context_length` are null where only loading tells them. */
        OpenAIModel: {
            capabilities: string[] | null;
            context_length: number | null;
            created: number;
            description: string | null;
            id: string;
            loaded: boolean;
            /** @enum {string} */
            object: "model";
            owned_by: string;
            provider: string;
        };
        OpenAIModelList: {
            data: components["schemas"]["OpenAIModel"][];
            /** @enum {string} */
            object: "list";
        };
        OpenAIName: {
            name: string;
        };
        /**
         * @description Seconds and tokens a second; null where there is nothing to measure. An extension of ours.
         *
         *     `prompt_tps` counts the prompt tokens that were computed, not those of a reused prefix. `first_token` counts from
         *     the request's arrival.
         */
        OpenAIPerformance: {
            decode_seconds: number;
            first_token_seconds: number;
            generation_tps: number | null;
            prefill_seconds: number;
            prompt_tps: number | null;
            queue_seconds: number;
        };
        OpenAIPromptDetails: {
            cached_tokens: number;
        };
        OpenAIRefusalPart: {
            refusal: string;
            /** @enum {string} */
            type: "refusal";
        };
        OpenAISchemaFormat: {
            json_schema: components["schemas"]["OpenAIJsonSchema"];
            /** @enum {string} */
            type: "json_schema";
        };
        /** @description A model that transcribes. What only a loaded model tells is null until it is loaded. */
        OpenAISpeechModel: {
            capabilities: {
                [key: string]: unknown;
            };
            id: string;
            languages: string[] | null;
            loaded: boolean;
            max_seconds: number | null;
            name: string;
            provider: string;
        };
        OpenAISpeechModelList: {
            models: components["schemas"]["OpenAISpeechModel"][];
        };
        OpenAIStreamOptions: {
            include_usage?: boolean | null;
        };
        /** @description vLLM's constraints beside `response_format`; one of them. */
        OpenAIStructuredOutputs: {
            choice?: string[] | null;
            grammar?: string | null;
            json?: {
                [key: string]: unknown;
            } | null;
            regex?: string | null;
        };
        OpenAITextFormat: {
            /** @enum {string} */
            type: "text";
        };
        OpenAITextPart: {
            text: string;
            /** @enum {string} */
            type: "text";
        };
        OpenAITokenLogprob: {
            bytes: number[] | null;
            logprob: number;
            token: string;
            top_logprobs: components["schemas"]["OpenAITopLogprob"][];
        };
        OpenAITool: {
            function?: components["schemas"]["OpenAIFunction"] | null;
            /** @default function */
            type: string;
        };
        OpenAIToolCall: {
            function?: components["schemas"]["OpenAICalledFunction"] | null;
            id?: string | null;
            type?: string | null;
        };
        OpenAIToolCallDelta: {
            function?: components["schemas"]["OpenAIFunctionDelta"] | null;
            id?: string | null;
            index: number;
            type?: "function" | null;
        };
        OpenAIToolChoice: {
            allowed_tools?: components["schemas"]["OpenAIAllowedTools"] | null;
            function?: components["schemas"]["OpenAIName"] | null;
            /** @default function */
            type: string;
        };
        OpenAIToolName: {
            function?: components["schemas"]["OpenAIName"] | null;
            /** @default function */
            type: string;
        };
        /** @description `bytes` are exact; `token` is their text with U+FFFD where they are only part of a character. */
        OpenAITopLogprob: {
            bytes: number[] | null;
            logprob: number;
            token: string;
        };
        /** @description The format `json`; it has nothing else, by which it is told from the others. */
        OpenAITranscription: {
            logprobs?: components["schemas"]["OpenAITranscriptionLogprob"][] | null;
            text: string;
            usage: components["schemas"]["OpenAIAudioUsage"];
        };
        /** @description Text that comes after all deltas before, and will not change. */
        OpenAITranscriptionDelta: {
            delta: string;
            logprobs?: components["schemas"]["OpenAITranscriptionLogprob"][] | null;
            /** @enum {string} */
            type: "transcript.text.delta";
        };
        /** @description The last event of a stream: the whole text. */
        OpenAITranscriptionDone: {
            logprobs?: components["schemas"]["OpenAITranscriptionLogprob"][] | null;
            text: string;
            /** @enum {string} */
            type: "transcript.text.done";
            usage: components["schemas"]["OpenAIAudioUsage"];
        };
        OpenAITranscriptionLogprob: {
            bytes: number[];
            logprob: number;
            token: string;
        };
        /** @description Whisper's ten fields. `seek` and `no_speech_prob` mean nothing for other models and are 0. */
        OpenAITranscriptionSegment: {
            avg_logprob: number;
            compression_ratio: number;
            end: number;
            id: number;
            no_speech_prob: number;
            seek: number;
            start: number;
            temperature: number;
            text: string;
            tokens: number[];
        };
        OpenAITranscriptionWord: {
            end: number;
            start: number;
            word: string;
        };
        OpenAIUsage: {
            completion_tokens: number;
            completion_tokens_details: components["schemas"]["OpenAICompletionDetails"];
            prompt_tokens: number;
            prompt_tokens_details: components["schemas"]["OpenAIPromptDetails"];
            total_tokens: number;
        };
        /** @description The format `verbose_json`. */
        OpenAIVerboseTranscription: {
            duration: number;
            language: string;
            segments?: components["schemas"]["OpenAITranscriptionSegment"][] | null;
            /** @enum {string} */
            task: "transcribe" | "translate";
            text: string;
            usage: components["schemas"]["OpenAIAudioUsage"];
            words?: components["schemas"]["OpenAITranscriptionWord"][] | null;
        };
        /** @description Seconds of one kind of work, of requests that succeeded. `recent_avg` is over the last ten. */
        OperationTimes: {
            avg_time: number;
            count: number;
            max_time: number;
            min_time: number;
            p50_time: number;
            p95_time: number;
            recent_avg: number;
            total_time: number;
        };
        Optimizations: {
            image: components["schemas"]["ImageLibrary"];
            json: components["schemas"]["JsonLibrary"];
        };
        Performance: {
            metrics: components["schemas"]["PerformanceMetrics"];
            summary: components["schemas"]["PerformanceSummary"];
        };
        /** @description Over all models; averages are those of requests that succeeded. */
        PerformanceMetrics: {
            average_time_to_first_token: number;
            average_tokens_per_second: number;
            models: {
                [key: string]: components["schemas"]["ModelPerformance"];
            };
            operations: {
                [key: string]: components["schemas"]["OperationTimes"];
            };
            requests_processed: number;
            total_tokens_generated: number;
        };
        /** @description The slots of a time range in which something happened, oldest first. */
        PerformanceProfile: {
            bottlenecks: components["schemas"]["Bottleneck"][];
            resource_timeline: components["schemas"]["ResourcePoint"][];
            slot_seconds: number;
            time_range: string;
            timing_breakdown: components["schemas"]["TimingPart"][];
            trends: components["schemas"]["TrendPoint"][];
        };
        /** @description `cache_hit_rate` is the share (0 to 1) of prompt tokens that came from a kept prefix. */
        PerformanceSummary: {
            cache_hit_rate: number;
            cancelled_requests: number;
            error_rate: number;
            failed_requests: number;
            memory_gb: number;
            running: number;
            total_requests: number;
            uptime_seconds: number;
            waiting: number;
        };
        /** @description `done` and `total` are bytes of `file`, `all_done` and `all_total` those of the whole model. */
        PullProgress: {
            all_done: number;
            all_total: number;
            digest: string;
            done: number;
            file: string;
            model: string;
            /** @enum {string} */
            stage: "done" | "fetching" | "listed" | "recognising";
            total: number;
        };
        Recommendations: {
            batch_size: components["schemas"]["BatchSize"];
            image_format: components["schemas"]["ImageFormat"];
            request_pattern: string;
            vision_models: string[];
        };
        /**
         * @description What is known of a request once it is over. Numbers and names only, never a prompt or an answer.
         *
         *     `at` is Unix time at arrival; durations are seconds. Counts are tokens, summed over choices; the prompt counts
         *     once. `provider` is empty where no model was found; `model` is then what was asked for. `error` is the kind of a
         *     class in `errors`; `status` the HTTP status that the client got, or that its error stands for where the answer had
         *     begun (499 where it was cancelled). `load_seconds` is all waiting for the model to be in memory, `queue_seconds` for
         *     a place in it. The gaps between tokens are those of the slowest choice.
         */
        RequestRecord: {
            at: number;
            audio_seconds: number;
            cached_tokens: number;
            completion_tokens: number;
            decode_seconds: number;
            dialect: string;
            error: string | null;
            finish: string | null;
            first_token_seconds: number;
            gap_p50_seconds: number;
            gap_p95_seconds: number;
            images: number;
            /** @enum {string} */
            kind: "chat" | "completion" | "embedding" | "rerank" | "speech" | "tokens" | "transcription";
            load_seconds: number;
            model: string;
            /** @enum {string} */
            outcome: "cancelled" | "failed" | "ok";
            prefill_seconds: number;
            prompt_tokens: number;
            provider: string;
            queue_seconds: number;
            reasoning_tokens: number;
            request_id: string;
            reuse: string;
            status: number;
            streamed: boolean;
            total_seconds: number;
        };
        /**
         * @description One decision about one model. `at` is Unix time, `reason` a sentence.
         *
         *     | decision | `bytes` | `seconds` |
         *     |---|---|---|
         *     | loading: room was made and the load begins | reserved for it | waited for room |
         *     | loaded | what it holds | the load took |
         *     | failed: the load failed | given back | until it is tried again |
         *     | refused: a request cannot have the model now | needed, where known | waited for room |
         *     | shrunk: kept prefixes were given up to make room | they may take from now on | 0 |
         *     | yielding: it takes no new requests for a while, to leave for another model | 0 | 0 |
         *     | evicted, expired, unloaded: it has left memory | given back | it was in memory |
         *     | lost: its worker died; hung: it gives no sign of life | given back, 0 where it still holds them | in memory |
         */
        ResidencyEvent: {
            at: number;
            bytes: number;
            /** @enum {string} */
            decision: "evicted" | "expired" | "failed" | "hung" | "loaded" | "loading" | "lost" | "refused" | "shrunk" | "unloaded" | "yielding";
            model: string;
            reason: string;
            seconds: number;
        };
        /** @description A model in memory and what it can do. */
        ResidentModel: {
            capabilities: string[];
            context: number;
            id: string;
            rows: number;
        };
        /** @description One slot. `memory_gb` is the most that models held; `gpu_percent` is not measured. */
        ResourcePoint: {
            gpu_percent: number | null;
            memory_gb: number;
            requests: number;
            timestamp: string;
            tokens_per_second: number;
        };
        /** @description What the time of requests went into; `percentage` is of all of it. */
        TimingPart: {
            avg_time_ms: number;
            count: number;
            operation: string;
            percentage: number;
        };
        /** @description One slot, and by how many percent it differs from the one before; null where that cannot be said. */
        TrendPoint: {
            errors: number;
            hour: string;
            requests: number;
            response_time_change: number | null;
            response_time_ms: number;
            tokens_per_second: number;
            tps_change: number | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
